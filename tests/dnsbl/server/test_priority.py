"""Threads that answer go first where they are told to, and nobody whom they start."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
import structlog

from dnsbl.server.priority import REALTIME_PRIORITY, prioritised

Schedule = tuple[int, int]  # the kernel's policy, and the priority

ORDINARY: Schedule = (os.SCHED_OTHER, 0)
FIRST: Schedule = (os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, REALTIME_PRIORITY)


def schedule() -> Schedule:
    """How the thread that calls this is scheduled."""
    return os.sched_getscheduler(0), os.sched_getparam(0).sched_priority


def in_thread(do: Callable[[], object]) -> None:
    """Does it in a thread of its own, so that this one keeps its priority whatever happens."""
    thread = threading.Thread(target=do)
    thread.start()
    thread.join()


@pytest.fixture
def allowed() -> None:
    """Skips where the system gives nobody real-time priority; CI has to."""

    def ask() -> None:
        with prioritised("realtime") as granted:
            answers.append(granted)

    answers: list[bool] = []
    in_thread(ask)
    if answers != [True] and not os.environ.get("CI"):
        pytest.skip("real-time priority is not allowed here")


@pytest.mark.usefixtures("allowed")
def test_a_thread_goes_first_and_what_it_starts_does_not() -> None:
    """Neither its threads nor its processes; after the block it is an ordinary one again."""
    seen: dict[str, object] = {}

    def answer() -> None:
        with prioritised("realtime") as granted:
            seen["granted"] = granted
            seen["thread"] = schedule()
            in_thread(lambda: seen.update(child=schedule()))
            seen["process"] = subprocess.run(
                [sys.executable, "-c", "import os; print(os.sched_getscheduler(0))"],
                capture_output=True, text=True, check=True,
            ).stdout.strip()  # fmt: skip
        seen["afterwards"] = schedule()

    in_thread(answer)

    assert seen["granted"] is True
    assert seen["thread"] == FIRST
    assert seen["child"] == ORDINARY
    assert seen["process"] == str(os.SCHED_OTHER)
    policy, priority = seen["afterwards"]  # type: ignore[misc]  # a schedule
    assert (policy & ~os.SCHED_RESET_ON_FORK, priority) == ORDINARY


def test_where_it_is_refused_the_log_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread answers all the same, with its ordinary priority."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    with structlog.testing.capture_logs() as log, prioritised("realtime") as granted:
        now = schedule()

    assert granted is False
    assert now == ORDINARY
    assert log == [
        {
            "event": "priority_refused",
            "log_level": "warning",
            "priority": "realtime",
            "error": "Operation not permitted",
        }
    ]


def test_the_ordinary_priority_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is changed where nothing else was wished."""
    monkeypatch.setattr(os, "sched_setscheduler", None)

    with prioritised("normal") as granted:
        assert granted is True
