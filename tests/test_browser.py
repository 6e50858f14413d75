"""A browser that does not start at once is started all the same, and one that cannot says why."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import cast

import browser
import pytest
from browser import LAUNCHES, chromium, launched
from playwright.async_api import Browser, Error

BROWSER = cast("Browser", object())


@pytest.fixture(autouse=True)
def unsteady(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps what is made to fail here out of what tests say at their end."""
    monkeypatch.setattr(browser, "UNSTEADY", logging.getLogger("expected"))


@pytest.mark.parametrize("failures", range(LAUNCHES))
async def test_a_launch_that_fails_is_tried_again(
    failures: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Each failure is said, for whoever reads the output of tests."""
    outcomes: list[Browser | Error] = [*[Error("no display")] * failures, BROWSER]

    async def launch() -> Browser:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Error):
            raise outcome
        return outcome

    assert await launched(launch) is BROWSER
    assert caplog.record_tuples == [
        ("expected", logging.WARNING, f"launch {number} of Chromium failed: no display")
        for number in range(1, failures + 1)
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("echo no room for it >&2; exit 7", "no room for it"),
        ("echo wait a little >&2; exec sleep 600", "wait a little"),
    ],
    ids=["fails", "hangs"],
)
async def test_a_browser_that_never_starts_says_why(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    body: str,
    said: str,
) -> None:
    """After so many tries, its standard error is in the message of the last."""
    program = tmp_path / "chromium"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o700)
    monkeypatch.setattr(browser, "LAUNCH_S", 0.5)

    with pytest.raises(Error, match=said):
        async with chromium(str(program)):
            pass
    assert len(caplog.records) == LAUNCHES - 1
