"""How delistings end: what was taken off a list on request, and is listed again.

It is over once something lists again what was asked about, by the one rule of
`dnsbl.verdict`: a listing of it that was made anew, or one around it whose
exclusion has ended. With evidence that is newer than the delisting it is a
relapse; without, it has lapsed, and nobody is to blame for that.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dnsbl.errors import DnsblError
from dnsbl.network import Network, parse_address, parse_canonical
from dnsbl.store import audit, events, listings, requests
from dnsbl.store.database import Database
from dnsbl.store.listings import Listing
from dnsbl.store.request_states import State
from dnsbl.verdict import decide

ACTOR: Final = "relapse"
LAPSED: Final = "its exclusion has ended, and nothing new was seen"

# What somebody did because it was seen again. What a feed's import changes is not told from a feed
# that has only not heard yet, and is none: it may do no more than set another expiry.
EVIDENCE: Final = frozenset({"listing.added", "listing.changed"})

Key = tuple[str, str, str]  # zone, network, category


@dataclass(frozen=True, slots=True)
class Relapse:
    """A delisting that is over; ``reason`` is that of the listing of the network ``listed``.

    ``request_id`` is the last request that it had been taken off for. ``lapsed``:
    nothing new was seen.
    """

    zone: str
    network: str
    category: str
    listed: str
    reason: str
    request_id: int | None
    lapsed: bool

    @property
    def why(self) -> str:
        """Why it is listed again, in a sentence for hooks."""
        return LAPSED if self.lapsed else self.reason


@dataclass(frozen=True, slots=True)
class _Ended:
    """An open delisting whose subject the listing decides for."""

    id: int
    request_id: int | None
    listing: Listing
    is_new: bool


def evidence_at(database: Database, listing: Listing) -> int:
    """When it was listed, or brought up to date by anybody but an import."""
    key = (listing.zone, str(listing.network), listing.category)
    seen = audit.last_times(database, listing.network, EVIDENCE)
    return max(listing.listed_at, seen.get(key, 0))


def is_over(database: Database, key: Key, now: int) -> bool:
    """Whether something decides again for an open delisting of that key. Changes nothing."""
    return next(_ended(database, key, now), None) is not None


def note(database: Database, key: Key, now: int) -> Relapse | None:
    """Notes how its open delistings ended, with their requests; None where none has."""
    ended = list(_ended(database, key, now))
    if not ended:
        return None
    for one in ended:
        _end(database, one, now)
    last = ended[-1]
    ids = [one.request_id for one in ended if one.request_id is not None]
    return Relapse(
        *key, str(last.listing.network), last.listing.reason, max(ids, default=None),
        lapsed=not any(one.is_new for one in ended),
    )  # fmt: skip


def settle(database: Database, address: Network, listing: Listing, now: int) -> None:
    """Ends the earlier delistings of an address that is about to be taken off a listing again.

    So each is judged by what was known before the next one: evidence counts
    against the last of several that had only lapsed, and against no other. What
    ends here is told here, as the watch finds nothing to tell any more.
    """
    zone, category = listing.zone, listing.category
    subjects = requests.subjects(address.address_text)
    for subject in subjects:
        if (found := note(database, (zone, subject, category), now)) is not None:
            tell(database, found, now)
    # The last of all, by whichever subject: `dnsbl.delist.past` judges by that one too.
    database.change(
        f"""
        UPDATE delistings SET relisted_at = ?
        WHERE relisted_at IS NULL AND lapsed_at IS NOT NULL AND (network = ? OR at < ?) AND id = (
            SELECT id FROM delistings
            WHERE network IN ({", ".join("?" * len(subjects))}) AND zone = ? AND category = ?
            ORDER BY at DESC, id DESC LIMIT 1)
        """,
        now, str(listing.network), evidence_at(database, listing), *subjects, zone, category,
    )  # fmt: skip


def tell(database: Database, found: Relapse, at: int) -> None:
    """Records the event for hooks, in the transaction that notes it."""
    events.record(
        database, "listing.relisted", found.network, now=at, zone=found.zone,
        category=found.category, reason=found.why, request_id=found.request_id,
        network=found.listed,
    )  # fmt: skip


def _ended(database: Database, key: Key, now: int) -> Iterator[_Ended]:
    """The open delistings of a key that are over, the oldest first.

    What decides is asked of the address that was asked about: of a /64 it may be
    that a listing inside it brings just this one back.
    """
    zone, network, category = key
    rows = database.rows(
        """
        SELECT d.id, d.at, d.request_id, r.address FROM delistings AS d
        LEFT JOIN delist_requests AS r ON r.id = d.request_id
        WHERE (d.zone, d.network, d.category) = (?, ?, ?)
          AND d.relisted_at IS NULL AND d.lapsed_at IS NULL
        ORDER BY d.id
        """,
        *key,
    )
    if not rows:  # as of nearly all that is listed
        return
    try:
        subject = parse_canonical(network)
    except DnsblError:  # another client wrote what is no network
        return
    for row in rows:
        listing = _deciding(database, zone, _asked_about(subject, row["address"]), category, now)
        if listing is not None:
            # A delisting takes the listing of its very subject away: one that is there is new.
            is_exact = str(listing.network) == network
            is_new = is_exact or evidence_at(database, listing) > row["at"]
            yield _Ended(row["id"], row["request_id"], listing, is_new)


def _asked_about(subject: Network, address: str | None) -> Network:
    """The address of the request, if it lies in what was taken off; else that itself."""
    if address is not None:
        with contextlib.suppress(DnsblError):  # another client wrote what is no address
            asked = parse_address(address)
            return asked if subject.covers(asked) else subject
    return subject


def _deciding(
    database: Database, zone: str, subject: Network, category: str, now: int
) -> Listing | None:
    """What lists it there, if anything."""
    entry = decide(listings.covering_entries(database, zone, subject), now).get(category)
    return None if entry is None else listings.get(database, zone, entry.network, category)


def _end(database: Database, ended: _Ended, now: int) -> None:
    column = "relisted_at" if ended.is_new else "lapsed_at"
    database.change(f"UPDATE delistings SET {column} = ? WHERE id = ?", now, ended.id)
    request = None if ended.request_id is None else requests.get(database, ended.request_id)
    if request is not None and request.state is State.DELISTED:
        note = "" if ended.is_new else LAPSED
        requests.move(database, request.id, State.RELISTED, actor=ACTOR, now=now, note=note)
