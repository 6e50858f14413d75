"""Requests by the thousand ways that they can go: none is lost, stuck, or resolved twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from ways.ground import Ground
from ways.machine import Requests


@pytest.mark.timeout(3600)
def test_requests_come_to_their_end_whatever_happens(tmp_path: Path) -> None:
    """None is lost, stuck or resolved twice, and all that happened can be read."""
    Requests.ground = Ground(tmp_path)

    run_state_machine_as_test(
        Requests,
        settings=settings(
            stateful_step_count=40, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
