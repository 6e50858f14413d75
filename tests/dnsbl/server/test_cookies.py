"""The secrets of cookies: kept over restarts, renewed each day, shared where they are given."""

from __future__ import annotations

import itertools
import stat
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from dnsbl.server.cookies import RENEWED_AFTER_S, SECRETS_NAME, CookieSecrets
from dnsbl.wire.cookie import SecretsError

NOW = 1_790_000_000
ONE, TWO, THREE = (bytes([n]) * 16 for n in (1, 2, 3))


class Clock:
    """Unix seconds, as a test sets them."""

    def __init__(self) -> None:
        self.at = float(NOW)

    def __call__(self) -> float:
        return self.at


def ours(directory: Path, clock: Clock, first: int = 1) -> CookieSecrets:
    """Secrets that are made: 0101…, 0202… and so on."""
    numbers = itertools.count(first)
    return CookieSecrets(None, directory, clock, lambda size: bytes([next(numbers)]) * size)


def test_a_secret_is_made_and_kept_for_the_owner_alone(tmp_path: Path) -> None:
    """A restart goes on with it, so that no cookie is void."""
    made = ours(tmp_path, Clock())
    again = ours(tmp_path, Clock(), first=9)

    assert made.secrets.keys == again.secrets.keys == (ONE,)
    assert stat.S_IMODE((tmp_path / SECRETS_NAME).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [SECRETS_NAME]


def test_a_secret_is_renewed_each_day_and_the_one_before_still_verifies(tmp_path: Path) -> None:
    """RFC 9018 §5: who has a cookie does not lose it."""
    clock = Clock()
    held = ours(tmp_path, clock)

    clock.at += RENEWED_AFTER_S - 1
    assert not held.refresh()
    clock.at += 1
    assert held.refresh()
    assert held.secrets.keys == (TWO, ONE)
    assert not held.refresh()
    clock.at += RENEWED_AFTER_S
    assert held.refresh()
    assert held.secrets.keys == (THREE, TWO)


def test_a_secret_that_grew_old_while_nobody_served_is_renewed_at_the_start(
    tmp_path: Path,
) -> None:
    """The day is counted from when it was made."""
    clock = Clock()
    ours(tmp_path, clock)

    clock.at += RENEWED_AFTER_S

    assert ours(tmp_path, clock, first=2).secrets.keys == (TWO, ONE)


@pytest.mark.parametrize("content", ["", "nonsense\n", "# made at 1\n"])
def test_a_damaged_file_of_ours_is_made_anew(tmp_path: Path, content: str) -> None:
    """Nothing is lost but the cookies, which clients ask for again."""
    (tmp_path / SECRETS_NAME).write_text(content)

    assert ours(tmp_path, Clock()).secrets.keys == (ONE,)


def test_where_nothing_can_be_kept_secrets_live_in_memory(tmp_path: Path) -> None:
    """A folder that is not there: it is logged, and cookies work all the same."""
    with capture_logs() as logs:
        held = ours(tmp_path / "missing", Clock())

    assert held.secrets.keys == (ONE,)
    assert [entry["event"] for entry in logs] == ["cookie_secrets_unwritable"]
    assert not held.refresh()


def test_secrets_of_the_operators_are_read_again_when_they_change(tmp_path: Path) -> None:
    """RFC 9018 §5: several servers share them, so they are never renewed by one."""
    clock = Clock()
    file = tmp_path / "secrets"
    file.write_text(f"{ONE.hex()}\n")
    held = CookieSecrets(file, tmp_path, clock)

    clock.at += 2 * RENEWED_AFTER_S
    assert not held.refresh()
    file.write_text(f"{ONE.hex()}\n{TWO.hex()}\n")

    assert held.refresh()
    assert held.secrets.keys == (ONE, TWO)
    assert not (tmp_path / SECRETS_NAME).exists()


def test_bad_secrets_of_the_operators_keep_the_old_ones(tmp_path: Path) -> None:
    """It is logged once, with file and line, and without what the line holds."""
    file = tmp_path / "secrets"
    file.write_text(f"{ONE.hex()}\n")
    held = CookieSecrets(file, tmp_path, Clock())

    file.write_text(f"{TWO.hex()}\nsecret\n")
    with capture_logs() as logs:
        assert not held.refresh()
        assert not held.refresh()

    assert held.secrets.keys == (ONE,)
    assert [entry["event"] for entry in logs] == ["cookie_secrets_unreadable"]
    assert logs[0]["error"] == f"{file}:2: expected a secret of 32 hexadecimal digits"


@pytest.mark.parametrize("content", [None, "", "x" * 70_000])
def test_no_secrets_at_the_start_are_an_error(tmp_path: Path, content: str | None) -> None:
    """An operator who gives a file wants it read."""
    file = tmp_path / "secrets"
    if content is not None:
        file.write_text(content)

    with pytest.raises(SecretsError, match=str(file)):
        CookieSecrets(file, tmp_path, Clock())
