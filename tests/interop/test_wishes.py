"""What users of rbldnsd ask for beside the server itself: documentation, and packages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dns.message
import dns.query
import visitor
from house import House
from running import Running

PROJECT = Path(__file__).parent.parent.parent
DOCS = PROJECT / "docs"


def linked(page: Path) -> set[Path]:
    """The pages of the project that a page links to."""
    targets = re.findall(r"\]\(([^)#\s:]+\.md)(?:#[^)]*)?\)", page.read_text())
    return {(page.parent / target).resolve() for target in targets}


def reached(start: Path) -> set[Path]:
    """The pages that a reader comes to from one, by links."""
    found, ahead = {start}, [start]
    while ahead:
        new = linked(ahead.pop()) - found
        found |= new
        ahead += new
    return found


def dnsbl(*words: str) -> str:
    """What the command prints."""
    done = subprocess.run(
        [sys.executable, "-m", "dnsbl", *words],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout


def test_documentation() -> None:
    """Each command that the help shows has a chapter, and each page is found from the README."""
    shown = re.findall(r"^  ([a-z]+)  +\S", dnsbl("--help"), re.MULTILINE)
    chapters = re.findall(r"^## dnsbl (.+)$", (DOCS / "commands.md").read_text(), re.MULTILINE)
    told = {word for title in chapters for word in re.findall(r"[a-z]+", title)}

    assert len(shown) > 10
    assert set(shown) - told == set()
    assert set(DOCS.rglob("*.md")) - reached(PROJECT / "README.md") == set()


def test_packages(tmp_path: Path, house: House, tool: Callable[[str], str]) -> None:
    """A wheel is built of what git has, or would, and what it holds serves DNS and the portal.

    Without a compiler, so that it is quick; test_image.py installs with one.
    """
    tool("git")
    clone, wheels, site = tmp_path / "clone", tmp_path / "wheels", tmp_path / "site"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard",
         "dnsbl", "api", "pyproject.toml", "setup.py", "README.md",
         "LICENSE"], cwd=PROJECT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (PROJECT / name).is_file():  # one may be gone from the tree and not yet from git
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            (clone / name).write_bytes((PROJECT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    no_compiler = os.environ | {"CC": str(tmp_path / "no-such-compiler")}
    for words in (
        ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(clone)],
        ["install", "--no-deps", "--no-index", "--find-links", str(wheels), "--target", str(site),
         "dnsbl"],
    ):  # fmt: skip
        done = subprocess.run(
            [*pip, *words], env=no_compiler, cwd=tmp_path, capture_output=True, text=True,
            timeout=240, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    # The command that it installs; what it needs beside itself is in the environment of the tests.
    program = ["env", "-C", str(tmp_path), f"PYTHONPATH={site}", str(site / "bin" / "dnsbl")]
    version = subprocess.run(
        [*program, "--version"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert re.search(r"\d+\.\d+", version)
    where = subprocess.run(
        [*program[:4], sys.executable, "-c",
         "import dnsbl, api; print(dnsbl.__file__, api.__file__)"],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout.split()  # fmt: skip
    assert all(file.startswith(str(site)) for file in where)

    running = Running(house.file, program=program)
    try:
        running.wait_for("ready")
        query = dns.message.make_query("2.0.0.127.bl.example", "A")
        reply = dns.query.udp(query, "127.0.0.1", port=house.dns_port, timeout=30)
        assert "127.0.0.2" in reply.answer[0].to_text()
        for language, word in (("en", "Not listed"), ("de", "Nicht gelistet")):
            page = visitor.fetch(f"{house.portal_url}/?ip=203.0.113.7&lang={language}")
            assert page.status == 200
            assert word in page.text
            styles = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.text)
            assert styles
            for style in styles:
                assert visitor.fetch(f"{house.portal_url}{style}").status == 200
    finally:
        assert running.stop() == 0
