"""Hooks of a real portal: a process that is killed in the middle tells it again when it is back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from house import House
from running import Running, run_dnsbl

PATIENCE_S: Final = 60

# Notes that it was called; holds the message while the file `hold` is there; then takes it.
PROGRAM = """\
#!/bin/sh
echo "$DNSBL_MESSAGE_ID" >> "$1/called"
while [ -e "$1/hold" ]; do sleep 0.05; done
cat >> "$1/taken"
echo >> "$1/taken"
"""


def lines(file: Path) -> list[str]:
    """The whole lines of a file that may not be there yet."""
    if not file.exists():
        return []
    return file.read_text().split("\n")[:-1]


def until(condition: Callable[[], bool]) -> None:
    """Waits for another process, which tells this one by its files alone."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def test_a_killed_portal_tells_again_what_it_had_begun(
    house: House, serve: Callable[..., Running]
) -> None:
    """By kill -9 while the hook works: the same message, under the same name, in order."""
    program = house.folder / "hook"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    called, taken, hold = (house.folder / name for name in ("called", "taken", "hold"))
    house.write_config(
        f'[hooks.crm]\non = "notify"\nprogram = ["hook", "{house.folder}"]\ntimeout_s = 60\n'
    )
    hold.touch()
    portal = serve(house.file, "portal")
    assert run_dnsbl(house.file, "add", "192.0.2.1").returncode == 0
    assert run_dnsbl(house.file, "remove", "192.0.2.1").returncode == 0
    until(lambda: len(lines(called)) == 1)
    portal.kill()
    before = lines(called)
    hold.unlink()

    serve(house.file, "portal")
    listed = run_dnsbl(house.file, "hooks", "list", "-o", "json")
    until(lambda: any("listing.removed" in line for line in lines(taken)))
    kinds = [json.loads(line)["type"] for line in lines(taken) if line]

    assert lines(called)[:2] == before * 2
    assert kinds[-2:] == ["listing.added", "listing.removed"]
    assert set(kinds[:-2]) <= {"listing.added"}  # by the program that the kill left behind
    assert json.loads(listed.stdout)[0]["state"] == "on"
