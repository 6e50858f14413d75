"""Who may see an operator's page: at every request the cookie is read, and the token's row."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from api.client_address import client_network
from api.form import read_fields
from api.form_token import Standing
from api.language import Sentence, msgid
from api.negotiation import PARAMETER, choose
from api.operator.session import SESSION_S, Session
from api.origin import is_from_our_page
from api.services import SERVICES, Services
from dnsbl.network import Network
from dnsbl.store import api_tokens
from dnsbl.store.api_tokens import ApiToken, Scope
from dnsbl.store.database import StoreError

HOME: Final = "/operator/requests"
LOGIN: Final = "/operator/login"
LOGIN_PURPOSE: Final = "operator_login"  # of the form there
SCOPE: Final[Scope] = "review"

_NUMBER: Final = re.compile(r"[1-9]\d{0,17}", re.ASCII)
_COOKIE: Final = "dnsbl_operator"
_NOTE_WITHIN_S: Final = 0.5  # a page waits no longer for its use to be noted, while others write

Handler = Callable[[web.Request, Session], Awaitable[web.StreamResponse]]


def operators_only(
    handler: Handler,
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A page for operators alone; whoever is none is shown the way to the login."""

    @functools.wraps(handler)
    async def guarded(request: web.Request) -> web.StreamResponse:
        session = await current(request)
        if session is not None:
            return await handler(request, session)
        if request.method in ("GET", "HEAD"):
            return redirect(request, LOGIN, _wanted(request))
        return login_page(
            request,
            error=Sentence("Your session has ended. Nothing was changed; please log in again."),
            status=403,
        )

    return guarded


async def current(request: web.Request) -> Session | None:
    """The session of a request, or None. Raises StoreError."""
    services = request.app[SERVICES]
    claim = services.sessions.read(request.cookies.get(_cookie_name(services), ""))
    if claim is None:
        return None
    token = await services.truth.read(api_tokens.get, claim.token_id)
    if token is None or not opens(token, services.now()):
        return None
    await _note_use(services, token)
    return Session(claim, token)


def opens(token: ApiToken, now: float) -> bool:
    """Whether a token opens these pages."""
    return token.is_good(now) and SCOPE in token.scopes


async def read_form(request: web.Request, purpose: str, holder: str) -> dict[str, str]:
    """The fields of a form of ours. Raises HTTPForbidden for another's, and for one that is old."""
    services = request.app[SERVICES]
    if not is_from_our_page(request, services.config.portal.public_url):
        raise web.HTTPForbidden(text=msgid("The form was sent from a page of another site."))
    fields = await read_fields(request)
    standing = services.form_tokens.check(fields.get("form_token", ""), purpose, holder)
    if standing is not Standing.VALID:
        raise web.HTTPForbidden(
            text=msgid("This page was opened too long ago. Nothing was changed; open it once more.")
        )
    return fields


def login_page(
    request: web.Request,
    *,
    error: Sentence | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """The page that asks for a token; `?request=` is whither it leads."""
    services = request.app[SERVICES]
    return services.pages.page(
        "operator_login.html",
        {
            "error": error,
            "request_id": _wanted(request).get("request", ""),
            "form_token": services.form_tokens.mint(LOGIN_PURPOSE, str(client_of(request))),
        },
        language=choose(request, services.config),
        status=status,
        headers=headers,
    )


def redirect(
    request: web.Request, path: str, query: Mapping[str, str] | None = None
) -> web.Response:
    """To a page of ours, in the language that was chosen for this one."""
    services = request.app[SERVICES]
    carried = dict(query or {})
    if lang := choose(request, services.config).lang:
        carried[PARAMETER] = lang
    location = f"{_root(services)}{path}{'?' if carried else ''}{urlencode(carried)}"
    return web.Response(status=303, headers={"Location": location})


def keep_cookie(services: Services, response: web.Response, value: str, max_age_s: int) -> None:
    """Sets the session's cookie: for these pages alone, unseen by scripts and by other sites."""
    response.set_cookie(
        _cookie_name(services),
        value,
        max_age=min(max_age_s, SESSION_S),
        path=f"{_root(services)}/operator",
        secure=_is_https(services),
        httponly=True,
        samesite="Strict",
    )


def drop_cookie(services: Services, response: web.Response) -> None:
    """Takes it away."""
    response.del_cookie(
        _cookie_name(services),
        path=f"{_root(services)}/operator",
        secure=_is_https(services),
        httponly=True,
        samesite="Strict",
    )


def client_of(request: web.Request) -> Network:
    """The network that counts as the client."""
    return client_network(request, request.app[SERVICES].config.portal.trusted_proxies)


async def _note_use(services: Services, token: ApiToken) -> None:
    """Keeps when a token was used, to the minute; to be seen is no reason to wait for a writer."""
    now = int(services.now())
    if api_tokens.is_use_noted(token, now):
        return
    with contextlib.suppress(StoreError, TimeoutError):
        async with asyncio.timeout(_NOTE_WITHIN_S):
            await services.truth.write(api_tokens.note_use, token.id, now)


def _wanted(request: web.Request) -> dict[str, str]:
    """The request that somebody wanted to see before the login, as a query."""
    wanted = request.match_info.get("request_id") or request.query.get("request", "")
    return {"request": wanted} if is_number(wanted) else {}


def is_number(text: str) -> bool:
    """Whether a text can be the number of a request, as addresses have it."""
    return _NUMBER.fullmatch(text) is not None


def _root(services: Services) -> str:
    return urlsplit(services.config.portal.public_url).path


def _is_https(services: Services) -> bool:
    return services.config.portal.public_url.startswith("https://")


def _cookie_name(services: Services) -> str:
    """Browsers take a `__Secure-` cookie from pages over HTTPS alone (RFC 6265bis §4.1.3)."""
    return f"__Secure-{_COOKIE}" if _is_https(services) else _COOKIE
