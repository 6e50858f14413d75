"""serve, dns, portal: what they do before the services begin; tests/dnsbl/server has the rest."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner
from house import House

from dnsbl.cli.serve import dns, first_steps_text, portal, serve


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    """The commands configure the log of the whole process; here that ends with the test."""
    yield
    structlog.reset_defaults()


def test_portal_becomes_the_sidecar(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is replaced, so that whoever started it signals the sidecar itself."""
    executed: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(os, "execv", lambda path, argv: executed.append((path, argv)))

    result = CliRunner().invoke(portal, ["--config", str(house.file)])

    assert result.exit_code == 0
    assert executed == [
        (sys.executable, [sys.executable, "-P", "-m", "api", "--config", str(house.file)])
    ]  # fmt: skip


@pytest.mark.parametrize("command", [serve, dns, portal])
def test_missing_configuration_is_an_error(command: object, tmp_path: Path) -> None:
    """Exit code 2, and a sentence that names the file."""
    result = CliRunner().invoke(command, ["--config", str(tmp_path / "missing.toml")])  # type: ignore[arg-type]

    assert result.exit_code == 2
    assert f"{tmp_path}/missing.toml: cannot be read: No such file" in result.output


def test_first_steps_can_be_copied(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands name this server, and the configuration only where it is not the usual one."""
    text = first_steps_text(house.config)
    assert f"dig @127.0.0.1 -p {house.dns_port} 2.0.0.127.bl.example A" in text
    assert f"add 192.0.2.1 --config {house.file}" in text
    assert f"{house.portal_url}/?ip=192.0.2.1" in text

    monkeypatch.chdir(house.folder)

    assert "add 192.0.2.1\n" in first_steps_text(house.config)


def test_first_steps_say_where_mail_goes(house: House) -> None:
    """A folder, or the server that takes it."""
    assert str(house.config.data.outbox) in first_steps_text(house.config)

    house.write_config('[mail]\ntransport = "smtp"\n[mail.smtp]\nhost = "192.0.2.25"')

    assert "192.0.2.25" in first_steps_text(house.config)
