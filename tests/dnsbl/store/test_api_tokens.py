"""Tokens of operators: kept as hashes, good until they are revoked or past their end."""

from __future__ import annotations

import pytest

from dnsbl.store import api_tokens
from dnsbl.store.api_tokens import ApiToken, TokenNameError
from dnsbl.store.database import Database

NOW = 1_800_000_000
REVIEW = frozenset({"review"})


def added(database: Database, name: str = "anna", expires_at: int | None = None) -> ApiToken:
    """A token for reviews."""
    hashed = api_tokens.token_hash(f"the token of {name}")
    return api_tokens.add(database, name, hashed, REVIEW, now=NOW, expires_at=expires_at)


def test_a_token_is_random_and_says_what_it_is() -> None:
    """256 random bits behind the prefix, and no two alike."""
    made = {api_tokens.new_token() for _ in range(100)}

    assert len(made) == 100
    assert {len(text) for text in made} == {len("dnsbl_") + 43}
    assert all(text.startswith("dnsbl_") and api_tokens.may_be_token(text) for text in made)


def test_a_token_is_found_by_its_text_name_and_number(database: Database) -> None:
    """And by nothing else."""
    made = added(database)

    assert made == ApiToken(made.id, "anna", REVIEW, NOW)
    assert api_tokens.find(database, "anna") == made
    assert api_tokens.get(database, made.id) == made
    assert api_tokens.find_by_hash(database, api_tokens.token_hash("the token of anna")) == made
    assert api_tokens.find_by_hash(database, api_tokens.token_hash("the token of ann")) is None
    assert api_tokens.find(database, "ann") is None
    assert api_tokens.get(database, made.id + 1) is None


def test_a_token_ends_at_its_time_and_when_it_is_revoked(database: Database) -> None:
    """To the second; revoked once, and for good."""
    made = added(database, expires_at=NOW + 60)

    before, after = made.is_good(NOW + 59.9), made.is_good(NOW + 60)
    revoked = api_tokens.revoke(database, made.id, NOW + 1)
    again = api_tokens.revoke(database, made.id, NOW + 2)
    found = api_tokens.get(database, made.id)

    assert (before, after, revoked, again) == (True, False, True, False)
    assert found is not None
    assert (found.revoked_at, found.is_good(NOW + 1)) == (NOW + 1, False)


def test_a_name_is_given_once(database: Database) -> None:
    """A revoked token keeps its name: the audit tells for ever who that was."""
    made = added(database)
    api_tokens.revoke(database, made.id, NOW)

    with pytest.raises(TokenNameError, match="there is, or was, a token anna"):
        added(database)


def test_the_last_use_is_kept_to_the_minute(database: Database) -> None:
    """A use of the same minute needs no note, and an older one changes nothing."""
    made = added(database)

    api_tokens.note_use(database, made.id, NOW + 61)
    api_tokens.note_use(database, made.id, NOW)
    found = api_tokens.get(database, made.id)

    assert found is not None
    assert found.last_used_at == NOW + 60
    assert not api_tokens.is_use_noted(made, NOW)
    assert [api_tokens.is_use_noted(found, NOW + s) for s in (60, 119.9, 120)] == [
        True, True, False
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["", "Anna", "-anna", "an na", "änna", "a" * 65, "dnsbl_" + "a" * 43, "anna\n"]
)
def test_a_name_that_none_can_have_is_refused(name: str) -> None:
    """What would not read well in the audit, or is a token by its form."""
    with pytest.raises(TokenNameError):
        api_tokens.parse_name(name)


def test_tokens_are_listed_by_name(database: Database) -> None:
    """Whatever the order in which they were made."""
    for name in ("bob", "anna", "carl"):
        added(database, name)

    assert [one.name for one in api_tokens.browse(database)] == ["anna", "bob", "carl"]
