"""How a request fares, at an address that only its requester was given."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from api.mail.meaning import meaning
from api.negotiation import choose
from api.portal.delisting import stands, token_hash
from api.services import SERVICES
from dnsbl.config import Config
from dnsbl.delist.findings import Finding, asks_operator, find
from dnsbl.network import parse_address
from dnsbl.store import delistings, outbox, request_items, requests
from dnsbl.store.database import Database
from dnsbl.store.outbox import Mail
from dnsbl.store.request_items import Item
from dnsbl.store.request_states import PENDING, State
from dnsbl.store.requests import Request

KEY = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)

# How often the page looks again by itself: quickly while the mail is on its way, then seldom.
_REFRESH_QUEUED_S = 3
_REFRESH_SENT_S = 15
_REFRESH_SELDOM_S = 60
_STILL = "still"  # in the query of who wants it to stay as it is (WCAG 2.2 §2.2.1)


@dataclass(frozen=True, slots=True)
class _Found:
    """A request and what came of it.

    ``mail`` is the first with a link; ``reminder`` the last of those that are sent after a wait.
    ``lapsed``: it is listed again, only since the time of its exclusion is over.
    """

    request: Request
    mail: Mail | None
    reminder: Mail | None
    findings: Sequence[Finding]
    items: Sequence[Item]
    lapsed: bool


async def page(request: web.Request) -> web.Response:
    """`GET /status/{key}`: the state in plain words, and how the mail fares."""
    services = request.app[SERVICES]
    key = request.match_info["key"]
    if not KEY.fullmatch(key):
        raise web.HTTPNotFound
    now = services.now()
    found = await services.truth.read(_read, services.config, token_hash(key), now)
    if found is None:
        raise web.HTTPNotFound
    asked, mail = found.request, found.mail
    state = stands(asked, now)
    refresh_s = _refresh_s(state, mail, now)
    still = _STILL in request.query
    return services.pages.page(
        "status.html",
        {
            "request": asked,
            "state": state,
            "waits": asked.until is not None and asked.until > now,
            "mail": mail,
            "meaning": None if mail is None else meaning(mail),
            "reminder": found.reminder,
            "findings": found.findings,
            "items": found.items,
            "lapsed": found.lapsed,
            "refresh_s": refresh_s,
            "still": still,
            "sender": services.config.mail.sender,
            "asks_operator": asks_operator(found.findings),
            "transport": services.config.mail.transport,
            "ttl_s": max(zone.ttl_s for zone in services.config.zones),
        },
        language=choose(request, services.config, asked.language),
        headers={"Refresh": str(refresh_s)} if refresh_s and not still else None,
    )


def _refresh_s(state: State, mail: Mail | None, now: float) -> int | None:
    """After how many seconds the page is worth another look; None where nothing will change."""
    if state in (State.REVIEW, State.COOLDOWN):
        return _REFRESH_SELDOM_S
    if state not in PENDING:
        return None
    if state is State.MAIL_SENT:
        return _REFRESH_SENT_S
    if mail is None or mail.attempts == 0:
        return _REFRESH_QUEUED_S
    until_next_s = math.ceil(mail.next_attempt_at - now) + 1  # the attempt itself takes its time
    return min(_REFRESH_SELDOM_S, max(_REFRESH_QUEUED_S, until_next_s))


def _read(database: Database, config: Config, status_hash: bytes, now: float) -> _Found | None:
    asked = requests.by_status(database, status_hash)
    if asked is None:
        return None
    address = parse_address(asked.address)
    mails = [
        mail for mail in outbox.all_of_request(database, asked.id) if mail.kind == "confirm_mail"
    ]
    return _Found(
        asked,
        mails[-1] if mails else None,
        mails[0] if len(mails) > 1 else None,
        find(database, config, address, now),
        request_items.of_request(database, asked.id),
        delistings.has_only_lapsed(database, address, asked.id),
    )
