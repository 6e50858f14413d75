"""Kill -9 between any two writes, and around each network call: nothing is lost or half done.

`crash` says how, and what must hold. All points of all scenarios are some 2,500;
here each is killed at points spread evenly over it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from crash.__main__ import spread
from crash.scenarios import SCENARIOS

PROJECT: Final = Path(__file__).parent.parent.parent
SHARE_VARIABLE: Final = "CRASH_SHARE"  # of the kills, for who waits: 0.1 is a tenth
RUNS_LEAST: Final = 500  # in all


def test_there_are_enough_kills() -> None:
    """Each scenario has its number; together they are more than are asked for."""
    kills = [scenario.kills for scenario in SCENARIOS.values()]

    assert sum(kills) >= RUNS_LEAST
    assert min(kills) >= 40


def test_kills_are_spread_over_all_points() -> None:
    """From the first to the last; over and over where there are fewer points."""
    assert spread(9, 5) == [1, 3, 5, 7, 9]
    assert spread(2, 5) == [1, 2, 1, 2, 1]


@pytest.mark.long(30)
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_kill_at_any_point_loses_nothing(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    """After it the portal starts anew, the sender goes on, and everything comes to its end."""
    kills = max(2, round(SCENARIOS[name].kills * float(os.environ.get(SHARE_VARIABLE, "1"))))

    done = subprocess.run(
        [sys.executable, "-m", "crash", name, "--kills", str(kills), "--where"],
        env=os.environ | {"PYTHONPATH": f"{PROJECT}:{PROJECT / 'tests'}"},
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    told = re.match(r"\S+: (\d+) points, (\d+) kills, ", done.stdout)
    assert told is not None, done.stdout
    record_property("figures", done.stdout.splitlines()[0])
    assert int(told[2]) == kills
