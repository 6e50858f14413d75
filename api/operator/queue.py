"""The requests that wait for somebody, and those that did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from api.language import msgid
from api.negotiation import choose
from api.operator.access import is_number, operators_only
from api.operator.login import LOGOUT_PURPOSE
from api.operator.session import Session
from api.services import SERVICES
from dnsbl.config import HookConfig
from dnsbl.store import hooks, request_items, requests
from dnsbl.store.database import Database
from dnsbl.store.hooks import HookState
from dnsbl.store.request_items import Item
from dnsbl.store.request_states import State
from dnsbl.store.requests import Request

PAGE_ROWS: Final = 25
COUNTED_MAX: Final = 1000  # beyond it the page says "more than"


@dataclass(frozen=True, slots=True)
class Tray:
    """Some of the requests, by their states; ``title`` is a msgid."""

    name: str
    title: str
    states: tuple[State, ...]


TRAYS: Final = (
    Tray("review", msgid("To decide"), (State.REVIEW,)),
    Tray("cooldown", msgid("Waiting"), (State.COOLDOWN,)),
    Tray("recent", msgid("All"), tuple(State)),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A request, and what was decided about each of its listings so far."""

    request: Request
    items: list[Item]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page of a tray; ``more_from`` is where the next one begins, None after the last.

    ``off`` are hooks that would decide about requests, and are not asked.
    """

    rows: Sequence[Row]
    more_from: int | None
    counts: dict[str, int]
    off: list[tuple[HookConfig, HookState]]


@operators_only
async def page(request: web.Request, session: Session) -> web.Response:
    """`GET /operator/requests`, with `?show=` a tray and `?from=` where in it."""
    services = request.app[SERVICES]
    tray = next((one for one in TRAYS if one.name == request.query.get("show")), TRAYS[0])
    wanted = request.query.get("from", "")
    start = int(wanted) if is_number(wanted) else None
    sheet = await services.truth.read(_sheet, tray, start, services.config.hooks)
    return services.pages.page(
        "operator_queue.html",
        {
            "trays": TRAYS,
            "tray": tray,
            "sheet": sheet,
            "counted_max": COUNTED_MAX,
            "is_first": start is None,
            "session": session,
            "logout_token": services.form_tokens.mint(LOGOUT_PURPOSE, session.claim.id),
        },
        language=choose(request, services.config),
    )


def _sheet(
    database: Database, tray: Tray, start: int | None, configs: Sequence[HookConfig]
) -> Sheet:
    """One row more than a page is read: whether there is a next one."""
    if tray.states == (State.REVIEW,):  # who has waited longest comes first
        found = requests.in_review(database, (start or 1) - 1, PAGE_ROWS + 1)
    else:
        found = requests.browse(
            database, tray.states, None if start is None else start + 1, PAGE_ROWS + 1
        )
    counts = {
        one.name: requests.count_up_to(database, one.states, COUNTED_MAX + 1)
        for one in TRAYS
        if len(one.states) == 1
    }
    rows = [
        Row(request, request_items.of_request(database, request.id))
        for request in found[:PAGE_ROWS]
    ]
    states = hooks.states(database)
    off = [
        (config, state)
        for config in configs
        if config.on == "decide"
        and (state := states.get(config.name)) is not None
        and state.disabled_at is not None
    ]
    return Sheet(rows, found[PAGE_ROWS].id if len(found) > PAGE_ROWS else None, counts, off)
