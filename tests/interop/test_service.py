"""From a clean machine to a service or a container, by the lines of docs/operation.md."""

from __future__ import annotations

import configparser
import itertools
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from internet import EMPTY
from namespaces import Namespace, namespace

from dnsbl.config import load

PROJECT = Path(__file__).parents[2]
PAGES = [PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md")]
OPERATION = (PROJECT / "docs" / "operation.md").read_text()
UNIT_FILE = PROJECT / "packaging" / "dnsbl.service"
PROGRAM = "/usr/local/bin/dnsbl"
LINES_MAX = 12

# In place of what installs from the network, and of the service manager, which is not in there: it
# makes the unit's folder and starts what the unit starts, as the unit's user. Nothing else is ours.
STAND_INS = """\
set -eu
make() {{
    [ "$*" = "install PREFIX=/opt/dnsbl" ]
    mkdir -p /opt/dnsbl/bin
    cat > /opt/dnsbl/bin/dnsbl <<'END'
#!/bin/sh
export PYTHONPATH={path} PYTHONDONTWRITEBYTECODE=1 LD_LIBRARY_PATH=/run/python/lib
exec {python} -m dnsbl "$@"
END
    chmod 755 /opt/dnsbl/bin/dnsbl
}}
systemctl() {{
    [ "$*" = "enable --now dnsbl" ]
    cmp {unit_file} /etc/systemd/system/dnsbl.service
    install -d -o {user} -g {user} -m {mode} /var/lib/{folder}
    (umask {umask}; exec setpriv --reuid={user} --regid={user} --init-groups \\
        --inh-caps=+net_bind_service --ambient-caps=+net_bind_service \\
        --no-new-privs {start} >/run/service.log 2>&1 </dev/null) &
    until grep -q '"event": *"ready"' /run/service.log; do
        kill -0 $! || {{ cat /run/service.log; return 1; }}
        {program} check --alive serve --config /etc/dnsbl/dnsbl.toml >/dev/null 2>&1 || :
    done
}}
"""


def block(heading: str) -> str:
    """The first block of commands below a heading."""
    found = re.search(rf"(?ms)^##+ {re.escape(heading)}$.*?^```sh\n(.*?)^```", OPERATION)
    assert found is not None
    return found[1]


def unit() -> configparser.SectionProxy:
    """The unit's service."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as the module's docs do
    parser.read(UNIT_FILE)
    return parser["Service"]


def prepare(at: Namespace) -> str:
    """Hides what this machine has installed; the stand-ins."""
    python = Path(
        "/run/python", Path(os.path.realpath(sys.executable)).relative_to(sys.base_prefix)
    )
    at.run("mkdir", "/run/python")
    at.run("mount", "--bind", sys.base_prefix, "/run/python")
    for folder in ("/opt", "/usr/local/bin", "/var/lib"):
        at.run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", folder)
    at.write("/etc/passwd", without_user(at, "/etc/passwd"))
    at.write("/etc/group", without_user(at, "/etc/group"))
    at.run("mkdir", "-p", "/etc/systemd/system")
    service = unit()
    packages = [path for path in sys.path if path.endswith("site-packages")]
    return STAND_INS.format(
        path=os.pathsep.join([str(PROJECT), *packages]), python=python, unit_file=UNIT_FILE,
        user=service["User"], mode=service["StateDirectoryMode"], umask=service["UMask"],
        folder=service["StateDirectory"], start=service["ExecStart"], program=PROGRAM,
    )  # fmt: skip


def without_user(at: Namespace, file: str) -> str:
    """A file of accounts without ours, wherever this runs."""
    lines = (at.root / file[1:]).read_text().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("dnsbl:"))


def test_the_block_makes_a_service_of_a_clean_machine(
    tmp_path: Path, tool: Callable[[str], str]
) -> None:
    """A user, files, a unit, a list that answers at port 53, and a first listing; few lines."""
    for program in ("unshare", "nsenter", "ip", "setpriv", "runuser", "useradd"):
        tool(program)
    commands = block("As services")
    with namespace(tmp_path / "mounts", EMPTY) as at:
        told = at.run("sh", "-c", f"cd {PROJECT}; {prepare(at)}\n{commands}")
        asked = at.run(PROGRAM, "query", "203.0.113.7", "--config", "/etc/dnsbl/dnsbl.toml")
        owners = at.run(
            "sh", "-c", "stat -c '%U %a' /var/lib/dnsbl /var/lib/dnsbl/listings.sqlite3"
        )
        secret = at.run(
            "sh", "-c", "umask 027; echo x > /etc/dnsbl/s; chgrp dnsbl /etc/dnsbl/s; "
            "runuser -u dnsbl -- cat /etc/dnsbl/s; stat -c %a /etc/dnsbl/s",
        )  # fmt: skip
        assert "error" not in told, told

    assert len(commands.splitlines()) <= LINES_MAX
    assert re.search(r"dns 127\.0\.0\.1:53 UDP bl\.example +ok", told), told
    assert re.search(r"^203\.0\.113\.7 listed in bl\.example", told, re.MULTILINE), told
    assert "  listed  (NOERROR" in asked
    assert owners.splitlines() == ["dnsbl 700", "dnsbl 600"]
    assert secret.split() == ["x", "640"]


def test_systemd_takes_the_unit(tmp_path: Path, tool: Callable[[str], str]) -> None:
    """Every line of it is known, and none is doubted."""
    analyze = tool("systemd-analyze")
    file = tmp_path / "dnsbl.service"
    file.write_text(UNIT_FILE.read_text().replace(PROGRAM, "/bin/true"))
    done = subprocess.run(
        [analyze, "verify", file], capture_output=True, text=True, timeout=60, check=False
    )
    about = [line for line in done.stderr.splitlines() if "dnsbl" in line]

    assert (done.returncode, about) == (0, [])


def test_the_folder_for_the_container_is_whole(tmp_path: Path) -> None:
    """What is mounted over /etc/dnsbl hides the image's, and so holds the zones as well."""
    heading = "In a container"
    blocks = re.findall(r"(?ms)^```sh\n(.*?)^```", OPERATION.split(f"### {heading}\n")[1])
    make_folder, run = blocks[1].rsplit("docker run", 1)
    subprocess.run(["sh", "-eu", "-c", f"cd {PROJECT}; export T={tmp_path}; {rooted(make_folder)}"],
                   check=True)  # fmt: skip
    config = load(tmp_path / "etc" / "dnsbl.toml")
    words = shlex.split(run)
    mounts = [word for before, word in itertools.pairwise(words) if before == "-v"]
    ports = [word for before, word in itertools.pairwise(words) if before == "-p"]

    assert [zone.origin for zone in config.zones] == ["bl.example"]
    assert mounts == ["dnsbl:/var/lib/dnsbl", "$PWD/etc:/etc/dnsbl:ro"]
    assert ports == ["53:5300/udp", "53:5300/tcp", "127.0.0.1:8053:8053"]


def rooted(commands: str) -> str:
    """The commands with their targets below $T."""
    return re.sub(r"(?<= )etc(?=/)", "$T/etc", commands)


def test_all_docs_have_one_set_of_paths() -> None:
    """The program by its link, and what is written where the unit lets the service write."""
    text = "".join(page.read_text() for page in PAGES)
    service = unit()
    # What the query log and the programs of hooks write has to be where the service may write.
    written = re.findall(r'"(/[\w/]+\.jsonl)"', text)
    link = f"ln -sf /opt/dnsbl/bin/dnsbl {PROGRAM}\n"

    assert link in block("As services")
    assert set(re.findall(r"/[\w/]+/bin/dnsbl\b", text.replace(link, ""))) == {PROGRAM}
    assert service["ExecStart"].startswith(f"{PROGRAM} ")
    assert len(written) > 1
    for path in written:
        assert path.startswith(
            (f"/var/lib/{service['StateDirectory']}/", f"/var/log/{service['LogsDirectory']}/")
        ), path
    assert "record.jsonl" in "".join(written)
