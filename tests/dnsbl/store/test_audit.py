"""The trail of acts, and secrets that outlive a restart."""

from __future__ import annotations

from contextlib import closing

import pytest

from dnsbl.network import parse
from dnsbl.store import audit, keys
from dnsbl.store.audit import Act
from dnsbl.store.database import Database, InvalidRowError, open_writer


def test_acts_are_kept_as_they_were(database: Database) -> None:
    """The newest first, at most so many."""
    acts = [
        Act(1, "cli", "listing.added", "bl.example", "192.0.2.1/32", "spam", None, "seen"),
        Act(2, "portal", "request.requested", network="192.0.2.1/32", request_id=7),
    ]
    audit.record(database, acts)

    assert audit.trail(database, parse("192.0.2.1"), 9) == acts[::-1]
    assert audit.trail(database, parse("192.0.2.1"), 1) == acts[1:]


def test_a_trail_has_what_covers_the_address(database: Database) -> None:
    """Acts on ranges around it, and none on others."""
    networks = ["192.0.2.1/32", "192.0.2.0/24", "192.0.2.2/32", "2001:db8::/32"]
    audit.record(database, [Act(1, "cli", "x", network=network) for network in networks])

    def trail(text: str) -> set[str]:
        return {act.network for act in audit.trail(database, parse(text), 9)}

    assert trail("192.0.2.1") == {"192.0.2.1/32", "192.0.2.0/24"}
    assert trail("2001:db8::1") == {"2001:db8::/32"}
    assert trail("198.51.100.1") == set()


def test_notes_are_made_to_fit(database: Database) -> None:
    """Too long, or no text at all, they must not stop what they tell of."""
    audit.record(
        database, [Act(1, "cli", "x", network="192.0.2.1/32", note="\ud800\n" + "x" * 2000)]
    )

    assert audit.trail(database, parse("192.0.2.1"), 9)[0].note == "? " + "x" * 998


def test_acts_stand_or_fall_together(database: Database) -> None:
    """One without an actor undoes the others, and what they tell of."""
    with pytest.raises(InvalidRowError), database.transaction():  # noqa: PT012
        database.change("INSERT INTO meta VALUES ('x', 'y')")
        audit.record(database, [Act(1, "cli", "x"), Act(1, "", "x")])

    assert database.rows("SELECT * FROM audit") == []
    assert database.rows("SELECT * FROM meta WHERE key = 'x'") == []


def test_a_secret_is_made_once(database: Database) -> None:
    """The same after a restart and for another process; another for each name."""
    secret = keys.get_or_create(database, "form_tokens")
    with closing(open_writer(database.path)) as again:
        assert keys.get_or_create(again, "form_tokens") == secret

    assert len(secret) == keys.KEY_OCTETS
    assert keys.get_or_create(database, "other") != secret


def test_a_known_secret_waits_for_no_lock(database: Database) -> None:
    """While an import runs, the portal still comes up."""
    secret = keys.get_or_create(database, "form_tokens")
    with closing(open_writer(database.path, busy_timeout_s=0)) as other, database.transaction():
        database.change("DELETE FROM audit")

        assert keys.get_or_create(other, "form_tokens") == secret
