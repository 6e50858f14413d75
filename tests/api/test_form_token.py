"""Form tokens: whose they are, what for, and for how long."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from portal import Clock

from api.form_token import FORM_TOKEN_VALID_S, FormTokens, Standing
from dnsbl.store.database import Database, open_writer


@pytest.fixture
def tokens(clock: Clock, database: Database) -> FormTokens:
    """Made with the secret of the house's database."""
    tokens = FormTokens(clock)
    tokens.read_secret(database)
    return tokens


@pytest.mark.parametrize(
    ("after_s", "standing"),
    [
        (0, Standing.VALID),
        (FORM_TOKEN_VALID_S, Standing.VALID),
        (FORM_TOKEN_VALID_S + 1, Standing.STALE),
        (-3600, Standing.STALE),
    ],
)
def test_a_token_is_good_for_its_time(
    tokens: FormTokens, clock: Clock, after_s: int, standing: Standing
) -> None:
    """Some hours, and not before it was made."""
    token = tokens.mint("request", "192.0.2.1/32")
    clock.at += after_s

    assert tokens.check(token, "request", "192.0.2.1/32") is standing


def test_a_token_is_good_for_its_purpose_and_holder_alone(
    tokens: FormTokens, clock: Clock, tmp_path: Path
) -> None:
    """Another form, another client or another secret makes it a forgery."""
    token = tokens.mint("request", "192.0.2.1/32")
    issued_at, _, mac = token.partition(".")

    assert tokens.check(token, "confirm", "192.0.2.1/32") is Standing.FORGED
    assert tokens.check(token, "request", "192.0.2.2/32") is Standing.FORGED
    assert tokens.check(f"{int(issued_at) + 1}.{mac}", "request", "192.0.2.1/32") is Standing.FORGED
    other = FormTokens(clock)
    with closing(open_writer(tmp_path / "other.sqlite3")) as database:
        other.read_secret(database)
    assert other.check(token, "request", "192.0.2.1/32") is Standing.FORGED


@pytest.mark.parametrize("value", ["", ".", "x", "1.2.3", "\N{SNOWMAN}.\N{SNOWMAN}", "9" * 5000])
def test_what_is_no_token_is_a_forgery(tokens: FormTokens, value: str) -> None:
    """Nothing that can be sent raises."""
    assert tokens.check(value, "request", "") is Standing.FORGED
