"""The link in the mail: a page that changes nothing, and the press of its button that does."""

from __future__ import annotations

import time
from typing import Final

import structlog
from aiohttp import web

from api import zone_check
from api.form import read_fields
from api.form_token import Standing as FormStanding
from api.language import Sentence, msgid
from api.negotiation import choose
from api.origin import is_from_our_page
from api.portal import delisting
from api.portal.delisting import Looked, Pressed, Standing
from api.portal.outlook import Outlooks, of_request, only_asks
from api.portal.status import KEY
from api.proof import proven
from api.services import SERVICES, Services
from api.zone_check import Checked
from dnsbl.delist.case import Proof
from dnsbl.network import parse_address
from dnsbl.store.request_states import State
from dnsbl.store.requests import Request

# What a token that opens nothing any more is answered with.
_PRESSED: Final = {
    "delist": (Standing.OPEN,),
    "cancel": (Standing.OPEN, Standing.WAITING),
}

ROUNDS_MAX: Final = 5  # of decisions, where what lists the address is another in each of them

_CLOSED_STATUS: Final = {
    Standing.WAITING: 200,
    Standing.USED: 200,  # whoever reloads the page, or presses twice, sees how it ended
    Standing.EXPIRED: 410,
}


async def page(request: web.Request) -> web.Response:
    """`GET /confirm/{token}`: shows the address and the button. Mail scanners may look."""
    token = _token_hash(request)
    return await _shown(request, token, *await _look(request.app[SERVICES], token))


async def press(request: web.Request) -> web.Response:
    """`POST /confirm/{token}`: delists, or cancels; then asks the zone itself."""
    pressed_at = time.monotonic()
    services = request.app[SERVICES]
    token = _token_hash(request)
    if not is_from_our_page(request, services.config.portal.public_url, opaque_origin=True):
        raise web.HTTPForbidden(text=msgid("The form was sent from a page of another site."))
    fields = await read_fields(request)
    standing = services.form_tokens.check(fields.get("form_token", ""), _purpose(token), "")
    if standing is not FormStanding.VALID:
        return await _shown(
            request, token, *await _look(services, token),
            error=Sentence(
                "This page was opened too long ago. Nothing was changed; please press again."
            ),
            status=409 if standing is FormStanding.STALE else 403,
        )  # fmt: skip
    action = fields.get("action")
    if action not in ("delist", "cancel"):
        raise web.HTTPBadRequest(text=msgid("The form names neither of its two buttons."))
    if action == "delist":
        pressed = await _delist(services, token)
    else:
        pressed = await services.truth.write(
            delisting.cancel, services.config, token, int(services.now())
        )
    if pressed.request is None or pressed.standing not in _PRESSED[action]:
        looked = Looked(pressed.standing, pressed.request, pressed.remaining, pressed.items)
        return await _shown(request, token, looked, {})
    structlog.get_logger().info(
        "request_confirmed" if action == "delist" else "request_cancelled",
        request_id=pressed.request.id,
        address=pressed.request.address,
        state=str(pressed.request.state),
        delisted=[f"{item.zone.origin}/{item.category.name}" for item in pressed.delisted],
    )
    if pressed.request.state is State.CANCELLED:
        return services.pages.page(
            "cancelled.html",
            {"request": pressed.request, "state": State.CANCELLED, "items": pressed.items},
            language=choose(request, services.config, pressed.request.language),
        )
    return await _done(request, pressed, pressed_at)


async def _look(services: Services, token: bytes) -> tuple[Looked, Outlooks]:
    """A token, and what a press of its button would meet by the policy."""
    looked, cases = await services.truth.read(
        delisting.ask, services.config, token, Proof(), int(services.now())
    )
    return looked, await of_request(cases, services.config, services.resolver)


async def _delist(services: Services, token: bytes) -> Pressed:
    """Asks for decisions, and carries them out; anew where a listing came or changed meanwhile."""
    for _ in range(ROUNDS_MAX):
        now = int(services.now())
        _, cases = await services.truth.read(delisting.ask, services.config, token, Proof(), now)
        cases = await proven(cases, services.config, services.resolver)
        decisions = await services.deciding.decide(cases)
        pressed = await services.truth.write(
            delisting.confirm, services.config, token, cases, decisions, now
        )
        if not pressed.undecided:
            return pressed
    raise web.HTTPServiceUnavailable


async def _done(request: web.Request, pressed: Pressed, pressed_at: float) -> web.Response:
    assert pressed.request is not None
    services = request.app[SERVICES]
    # Where a remaining category gives the same answer, DNS cannot tell which of them it is for.
    kept = {(finding.zone.origin, finding.category.answer) for finding in pressed.remaining}
    checked: list[Checked] = await zone_check.check(
        services.config,
        parse_address(pressed.request.address),
        [
            (finding.zone, finding.category)
            for finding in pressed.delisted
            if (finding.zone.origin, finding.category.answer) not in kept
        ],
        pressed_at,
        seq=pressed.seq,
        now=services.now,
    )
    for result in checked:
        structlog.get_logger().info(
            "zone_checked",
            request_id=pressed.request.id,
            zone=result.zone.origin,
            heard=str(result.heard),
            after_ms=result.after_ms,
        )
    return services.pages.page(
        "delisted.html",
        {
            "request": pressed.request,
            "state": pressed.request.state,
            "delisted": pressed.delisted,
            "remaining": pressed.remaining,
            "items": pressed.items,
            "checked": checked,
            "forgotten_s": max((finding.zone.ttl_s for finding in pressed.delisted), default=0),
        },
        language=choose(request, services.config, pressed.request.language),
    )


async def _shown(
    request: web.Request,
    token: bytes,
    looked: Looked,
    outlooks: Outlooks,
    *,
    error: Sentence | None = None,
    status: int = 200,
) -> web.Response:
    """The page of a token: with its buttons while it is open, else with what became of it."""
    services = request.app[SERVICES]
    if looked.request is None:
        raise web.HTTPNotFound
    language = choose(request, services.config, looked.request.language)
    if looked.standing is not Standing.OPEN:
        return services.pages.page(
            "closed.html",
            {
                "request": looked.request,
                "state": _state(looked.standing, looked.request, services.now()),
                "used": looked.standing is Standing.USED,
                "findings": looked.findings,
                "items": looked.items,
                "lapsed": looked.lapsed,
                "form_token": services.form_tokens.mint(_purpose(token), ""),
            },
            language=language,
            status=_CLOSED_STATUS[looked.standing],
        )
    return services.pages.page(
        "confirm.html",
        {
            "request": looked.request,
            "findings": looked.findings,
            "outlooks": outlooks,
            "asks_operator": only_asks(outlooks),
            "form_token": services.form_tokens.mint(_purpose(token), ""),
            "error": error,
        },
        language=language,
        status=status,
    )


def _state(standing: Standing, request: Request, now: float) -> State:
    return State.EXPIRED if standing is Standing.EXPIRED else delisting.stands(request, now)


def _token_hash(request: web.Request) -> bytes:
    token = request.match_info["token"]
    if not KEY.fullmatch(token):
        raise web.HTTPNotFound
    return delisting.token_hash(token)


def _purpose(token: bytes) -> str:
    """A form token of this page is good for this link only; whoever holds the link may use it.

    It is not bound to a network: mail is read on the way between two of them.
    """
    return f"confirm:{token.hex()}"
