"""The operator's commands, run in this process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import click.testing
import pytest
from house import House
from oracle import Oracle, serving

from dnsbl.cli import commands

Run = Callable[..., click.testing.Result]


@pytest.fixture(autouse=True)
def niced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What commands gave way by; this process does not, for it could not take that back."""
    steps: list[int] = []
    monkeypatch.setattr(os, "nice", steps.append)
    return steps


@pytest.fixture
def run(house: House) -> Run:
    """Runs a command with the house's configuration; standard output and error lie apart."""

    def run(*arguments: str, stdin: bytes | None = None) -> click.testing.Result:
        result = click.testing.CliRunner().invoke(
            commands, [*arguments, "--config", str(house.file)], input=stdin, prog_name="dnsbl"
        )
        assert result.exception is None or isinstance(result.exception, SystemExit), result
        return result

    return run


@pytest.fixture
def run_json(run: Run) -> Callable[..., Any]:
    """Runs a command with `-o json` that succeeds; what it printed, parsed."""

    def run_json(*arguments: str, stdin: bytes | None = None) -> Any:  # noqa: ANN401  # JSON
        result = run(*arguments, "-o", "json", stdin=stdin)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    return run_json


@pytest.fixture
def oracle() -> Iterator[Oracle]:
    """An Oracle, answering."""
    with serving() as oracle:
        yield oracle
