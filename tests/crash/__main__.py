"""Kills the sidecar at the points of a scenario, one in each run, and checks what is left.

Prints how many points there are, how many kills there were, and where. Ends with
1 where something did not hold.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Final

from house import ZONE_TEXT, House, free_port

from crash import account
from crash.scenarios import SCENARIOS, Scenario
from crash.street import Street
from crash.world import Ports

_MANY: Final = 1_000_000
_LIMITS: Final = (
    "client_per_hour", "client_per_day", "mailbox_per_hour", "mailbox_per_day",
    "domain_per_hour", "address_per_day",
)  # fmt: skip
_SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  # that of the specification's example
# A line that is written at once: several may run in one moment.
_PROGRAM: Final = """\
#!/bin/sh
read -r body
printf '%s %s\\n' "$DNSBL_MESSAGE_ID" "$body" >> "$1"
"""
_CATEGORIES: Final = """
[category.policy]
answer = "127.0.0.10"
text = "$"
delist = "review"
[category.policy2]
answer = "127.0.0.11"
text = "$"
delist = "self"
"""


def furnish(folder: Path, scenario: Scenario) -> tuple[House, Ports]:
    """A house whose portal has a mail server, two hooks that are told, and one that is asked."""
    ports = Ports(*(free_port() for _ in range(4)))
    house = House(folder, ports.dns, ports.portal)
    house.write_zone(ZONE_TEXT + _CATEGORIES)
    (folder / "secret").write_text(_SECRET)
    program = folder / "program"
    program.write_text(_PROGRAM)
    program.chmod(0o700)
    url = f"http://127.0.0.1:{ports.hooks}"
    signed = 'secret_files = ["secret"]\nallow_private = true'
    limits = "\n".join(f"{name} = {_MANY}" for name in _LIMITS)
    house.write_config(
        f"[portal.limits]\n{limits}\n"
        f'[mail]\ntransport = "{scenario.transport}"\nper_minute = 100000\n'
        f"[mail.smtp]\nport = {ports.smtp}\n"
        f'[hooks.web]\non = "notify"\nurl = "{url}/told"\n{signed}\n'
        f'[hooks.log]\non = "notify"\nprogram = ["program", "{folder}/told"]\n'
        f'[hooks.judge]\non = "decide"\nurl = "{url}/asked"\n{signed}\ntimeout_s = 10\n'
    )
    return house, ports


def run(street: Street, scenario: Scenario, kill_at: int | None) -> None:
    """One run; raises where something does not hold."""
    street.begin(scenario.prepare, kill_at, hooks_fail_first=scenario.hooks_fail_first)
    try:
        scenario.play(street)
        street.settle()
        account.check(street, scenario)
    finally:
        street.end()


def spread(points: int, kills: int) -> list[int]:
    """So many points of all of them, evenly; over and over where there are fewer."""
    if kills <= points:
        return [1 + round(i * (points - 1) / max(1, kills - 1)) for i in range(kills)]
    return [1 + i % points for i in range(kills)]


def kill_all(street: Street, scenario: Scenario, kills: int | None) -> tuple[int, Counter[str]]:
    """How many points there are, and how many kills at points of each name there were."""
    run(street, scenario, None)
    points = street.points
    where: Counter[str] = Counter()
    for kill_at in spread(points, kills or points):
        at = kill_at
        while not _killed(street, scenario, at, points):
            # What goes on at once goes on in other ways each time, by some points more or less.
            at = max(1, at * 9 // 10)
        where[street.killed_at] += 1
    return points, where


def _killed(street: Street, scenario: Scenario, kill_at: int, points: int) -> bool:
    """One run; whether it came to the point at which it was to be killed."""
    try:
        run(street, scenario, kill_at)
    except Exception as error:
        error.add_note(f"killed {street.killed_at!r}, point {kill_at} of {points}")
        raise
    return street.killed_at != ""


def main(arguments: list[str] | None = None) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m crash", description=__doc__)
    parser.add_argument("scenarios", nargs="*", help=f"of {', '.join(SCENARIOS)}; all by default")
    parser.add_argument("--kills", type=int, help="in each; at every point by default")
    parser.add_argument("--at", type=int, help="one run alone, killed at this point")
    parser.add_argument("--where", action="store_true", help="say how often each was met")
    asked = parser.parse_args(arguments)
    for name in asked.scenarios or SCENARIOS:
        scenario = SCENARIOS[name]
        with tempfile.TemporaryDirectory() as folder:
            house, ports = furnish(Path(folder), scenario)
            street = Street(house, house.config, ports)
            began = time.monotonic()
            try:
                if asked.at is not None:
                    run(street, scenario, asked.at)
                    print(f"{name}: killed {street.killed_at!r}")
                    continue
                points, where = kill_all(street, scenario, asked.kills)
            except Exception:  # noqa: BLE001  # whatever it is, the command says where
                traceback.print_exc()
                return 1
            finally:
                street.close()
            took_s = time.monotonic() - began
            print(f"{name}: {points} points, {where.total()} kills, {took_s:.1f} s", flush=True)
            if asked.where:
                for at, count in where.most_common():
                    print(f"  {count:3} {at}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
