"""The Dockerfile and the Makefile stay in step, and the image's steps work from a clean folder."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import visitor
from house import free_port
from running import Running

PROJECT = Path(__file__).parent.parent.parent
DOCKERFILE = (PROJECT / "Dockerfile").read_text()


def test_the_dockerfile_builds_with_targets_of_the_makefile() -> None:
    """Whatever the image installs, it installs by a target that the Makefile has."""
    targets = re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    used = re.findall(r"^RUN make ([a-z-]+)", DOCKERFILE, re.MULTILINE)

    assert used
    assert set(used) <= set(targets)
    assert "pip install" not in DOCKERFILE


def test_the_image_runs_unprivileged_and_asks_after_its_own_health() -> None:
    """Two stages, a user of its own, a health check that holds whatever the zones are."""
    assert len(re.findall(r"^FROM ", DOCKERFILE, re.MULTILINE)) == 2
    assert re.search(r"^USER dnsbl$", DOCKERFILE, re.MULTILINE)
    assert re.search(r'^HEALTHCHECK .*"check", "--alive", "serve"\]$', DOCKERFILE, re.MULTILINE)


@pytest.mark.long(60)
@pytest.mark.timeout(600)
def test_the_steps_of_the_dockerfile_work_in_a_clean_folder(
    tmp_path: Path, tool: Callable[[str], str]
) -> None:
    """The steps, run one by one, end with a command that serves DNS and the portal's pages."""
    tool("git")
    tool("cc")  # which the image's first stage installs
    done = subprocess.run(
        [PROJECT / ".ci" / "dockerfile", tmp_path / "image"],
        capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    root = tmp_path / "image" / "root"
    command = str(root / "opt/dnsbl/bin/dnsbl")
    assert done.stdout.splitlines()[-1] == f"command: {command} serve"

    config = root / "etc/dnsbl/dnsbl.toml"
    dns_port, portal_port = free_port(), free_port()
    text = config.read_text().replace("/var/lib", str(root / "var/lib"))
    for listen, port in (("0.0.0.0:5300", dns_port), ("0.0.0.0:8053", portal_port)):
        assert listen in text
        text = text.replace(listen, f"127.0.0.1:{port}")
    config.write_text(text)
    (root / "var/lib/dnsbl").mkdir(parents=True)
    running = Running(config, program=[command])
    try:
        running.wait_for("ready")
        # As the image's health check asks
        healthy = subprocess.run(
            [command, "check", "--alive", "serve", "--config", config],
            capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path,
        )  # fmt: skip
        assert healthy.returncode == 0, healthy.stderr
        portal = f"http://127.0.0.1:{portal_port}"
        page = visitor.fetch(portal)
        assert page.status == 200
        styles = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.text)
        assert len(styles) == 2  # the accent has its own
        for style in styles:
            assert visitor.fetch(f"{portal}{style}").status == 200
    finally:
        assert running.stop() == 0
