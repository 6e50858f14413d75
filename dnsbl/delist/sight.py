"""What an operator saw of a request, so that nobody rules about what was not shown.

A page and a command show marks of what there is to decide about. A listing that
became another one meanwhile, by newer evidence say, has another mark.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from typing import Final

from dnsbl.config import Config
from dnsbl.delist import dossier
from dnsbl.delist.case import Matter
from dnsbl.errors import DnsblError
from dnsbl.store import request_items, requests
from dnsbl.store.database import Database
from dnsbl.store.request_states import DECIDABLE
from dnsbl.store.requests import Request

NOTHING: Final = "nothing"  # the mark of an address that nothing lists any more
_MARK_CHARS: Final = 16


class UnseenError(DnsblError):
    """Something lists the address that the operator was not shown, or was shown otherwise."""


def marks(matters: Iterable[Matter]) -> set[str]:
    """A mark for each listing that there is to decide about."""
    return {hashlib.sha256(repr(matter).encode()).hexdigest()[:_MARK_CHARS] for matter in matters}


def mark(matters: Iterable[Matter]) -> str:
    """All of them as one word."""
    return ".".join(sorted(marks(matters))) or NOTHING


def read_mark(text: str) -> set[str]:
    """The marks in such a word."""
    return set(text.split(".")) - {NOTHING}


def check_seen(
    database: Database, config: Config, request_id: int, seen: Collection[str], now: int
) -> None:
    """Raises UnseenError unless all that there is to decide about has one of the marks."""
    request = requests.get(database, request_id)
    if request is None or request.state not in DECIDABLE:
        return  # who rules is told so
    if not marks(dossier.matters(database, config, request, now)) <= set(seen):
        raise UnseenError(
            f"what lists {request.address} is not what was shown with that mark; "
            f"`dnsbl requests show {request_id}` shows it as it is now, with its mark"
        )


def check_unchanged(database: Database, config: Config, request_id: int, now: int) -> None:
    """Raises UnseenError where a listing changed since its decision came to an operator."""
    request = requests.get(database, request_id)
    if request is None or request.state not in DECIDABLE:
        return
    changed = _changed(database, config, request, now)
    if changed:
        raise UnseenError(
            f"{' and '.join(changed)} changed after request {request_id} came to review; look at "
            f"`dnsbl requests show {request_id}`, and decide with the --seen MARK that it prints"
        )


def _changed(database: Database, config: Config, request: Request, now: int) -> list[str]:
    """The listings that are other ones by now, or that came since: zone and category."""
    items = {
        (item.zone, item.category): item for item in request_items.of_request(database, request.id)
    }
    changed: list[str] = []
    for _, zone, category, network, evidence_at, *_ in dossier.matters(
        database, config, request, now
    ):
        item = items.get((zone, category))
        came_at = request.state_at if item is None else item.at
        if evidence_at > came_at or (item is not None and item.network != network):
            changed.append(f"{zone}/{category}")
    return changed
