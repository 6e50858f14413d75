"""Logging: one line an event, and nothing secret in a traceback."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from dnsbl.config import LogConfig
from dnsbl.config.log import configure


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def fail_with_secret() -> None:
    """Logs an error that happened beside a secret."""
    octets = b"@bl.example"
    mailbox = f"someone{octets.decode()}"
    try:
        int("nonsense", base=len(mailbox))
    except ValueError:
        structlog.get_logger().exception("mail_crashed")


def test_events_are_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """A program reads one JSON object a line, with its level and its time, on standard error."""
    configure(LogConfig("info", "auto"))
    structlog.get_logger().info("ready", port=53, text="a\nb")
    structlog.get_logger().debug("hidden")
    out, err = capsys.readouterr()

    assert out == ""
    (line,) = err.splitlines()
    event = json.loads(line)
    assert event.pop("timestamp").endswith("Z")
    assert event == {"event": "ready", "level": "info", "port": 53, "text": "a\nb"}


def test_the_level_decides(capsys: pytest.CaptureFixture[str]) -> None:
    """Less serious events than the level are not logged."""
    configure(LogConfig("error", "json"))
    structlog.get_logger().warning("odd")
    structlog.get_logger().error("broken")

    assert json.loads(capsys.readouterr().err)["event"] == "broken"


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_shows_no_values(capsys: pytest.CaptureFixture[str], form: str) -> None:
    """An error is logged with where it happened; values beside it may be addresses or tokens."""
    configure(LogConfig("info", form))
    fail_with_secret()
    err = capsys.readouterr().err

    assert "mail_crashed" in err
    assert "fail_with_secret" in err
    assert "ValueError" in err
    assert "someone@bl.example" not in err


def test_a_person_at_a_terminal_gets_no_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where standard error is a terminal, "auto" is for people."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    configure(LogConfig("info", "auto"))
    structlog.get_logger().info("ready")
    err = capsys.readouterr().err

    assert "ready" in err
    assert not err.startswith("{")


def test_events_that_cannot_be_written_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk behind the log is no reason for a service to end."""
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stderr", full)
        configure(LogConfig("debug", "json"))
        log = structlog.get_logger()

        for event in (log.debug, log.info, log.warning, log.error, log.critical):
            event("lost")
        with contextlib.suppress(OSError):
            full.close()
