"""A session's cookie: signed, bounded in time, of one database, and ended by leaving."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from portal import START, Clock

from api.operator import session
from api.operator.session import SESSION_S, Sessions
from dnsbl.store import ended_sessions
from dnsbl.store.api_tokens import ApiToken
from dnsbl.store.database import Database, open_writer

TOKEN = ApiToken(7, "anna", frozenset({"review"}), START)


@pytest.fixture
def sessions(clock: Clock, database: Database) -> Sessions:
    """Made with the secret of the house's database."""
    sessions = Sessions(clock)
    sessions.read_secret(database)
    return sessions


def test_a_cookie_says_whose_token_it_is_for_half_a_day(sessions: Sessions, clock: Clock) -> None:
    """And nothing more after that."""
    claim, value = sessions.begin(TOKEN)

    assert sessions.read(value) == claim
    assert (claim.token_id, claim.expires_at) == (7, START + SESSION_S)
    clock.at += SESSION_S - 1
    assert sessions.read(value) == claim
    clock.at += 1
    assert sessions.read(value) is None


def test_a_session_ends_with_its_token(sessions: Sessions, clock: Clock) -> None:
    """A token that ends in a minute makes a session of a minute."""
    claim, value = sessions.begin(ApiToken(7, "anna", frozenset(), START, expires_at=START + 60))
    clock.at += 60

    assert claim.expires_at == START + 60
    assert sessions.read(value) is None


def test_no_two_sessions_are_alike(sessions: Sessions) -> None:
    """Two browsers of one operator can be told apart."""
    assert len({sessions.begin(TOKEN)[1] for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "forged",
    [
        "", "1", "7.1800043200..", "a.b.c.d", "." * 200, "x" * 10_000, "7.9999999999.{id}.{mac}",
        "8.{until}.{id}.{mac}", "7.{until}.{id}.{mac}x", "7.{until}.{other}.{mac}",
        "\uff17.{until}.{id}.{mac}",
    ],
)  # fmt: skip
def test_a_cookie_that_we_did_not_sign_says_nothing(sessions: Sessions, forged: str) -> None:
    """Whatever was changed in it, and whatever it is."""
    claim, value = sessions.begin(TOKEN)
    mac = value.rpartition(".")[2]
    text = forged.format(until=claim.expires_at, id=claim.id, other="A" * 22, mac=mac)

    assert sessions.read(text) is None


def test_a_session_of_another_database_says_nothing(
    sessions: Sessions, clock: Clock, tmp_path: Path
) -> None:
    """Its token's number means another token there."""
    other = Sessions(clock)
    with closing(open_writer(tmp_path / "other.sqlite3")) as database:
        other.read_secret(database)

    assert other.read(sessions.begin(TOKEN)[1]) is None


def test_a_session_goes_on_after_a_restart(
    sessions: Sessions, clock: Clock, database: Database
) -> None:
    """The secret is the database's."""
    claim, value = sessions.begin(TOKEN)
    restarted = Sessions(clock)
    restarted.read_secret(database)

    assert restarted.read(value) == claim


def test_who_leaves_leaves_for_good(
    sessions: Sessions, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of the cookie is of no use; what is kept of such sessions is bounded."""
    monkeypatch.setattr(session, "ENDED_MAX", 3)
    begun = [sessions.begin(TOKEN) for _ in range(4)]

    for claim, _ in begun:
        sessions.end(claim)

    assert [sessions.read(value) for _, value in begun[1:]] == [None] * 3
    assert len(sessions._ended) == 3  # noqa: SLF001  # what is bounded
    clock.at += SESSION_S
    sessions.end(sessions.begin(TOKEN)[0])
    assert len(sessions._ended) == 1  # noqa: SLF001  # the same


def test_who_left_is_not_let_in_by_a_restart(
    sessions: Sessions, clock: Clock, database: Database
) -> None:
    """A copy of the cookie stays of no use while it would be good; then it is forgotten."""
    (left, value), (stayed, other) = sessions.begin(TOKEN), sessions.begin(TOKEN)
    ended_sessions.note(database, left.id, left.expires_at, clock.at)
    restarted = Sessions(clock)
    restarted.read_secret(database)

    assert (restarted.read(value), restarted.read(other)) == (None, stayed)
    ended_sessions.note(database, "later", left.expires_at + 9, left.expires_at)
    assert ended_sessions.all_of_them(database) == {"later": left.expires_at + 9}
