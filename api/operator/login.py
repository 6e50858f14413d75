"""A token opens a session, and leaving ends it."""

from __future__ import annotations

import structlog
from aiohttp import web

from api.language import Sentence, Span
from api.operator.access import (
    HOME,
    LOGIN,
    LOGIN_PURPOSE,
    client_of,
    current,
    drop_cookie,
    is_number,
    keep_cookie,
    login_page,
    opens,
    operators_only,
    read_form,
    redirect,
)
from api.operator.session import Session
from api.services import SERVICES
from dnsbl.network import Network
from dnsbl.store import api_tokens, audit, ended_sessions
from dnsbl.store.api_tokens import ApiToken
from dnsbl.store.audit import Act
from dnsbl.store.database import Database

LOGOUT_PURPOSE = "operator_logout"
_TOKEN_CHARS_MAX = 200  # of what is looked at


async def home(request: web.Request) -> web.Response:
    """`GET /operator`: the queue is the first page."""
    return redirect(request, HOME)


async def page(request: web.Request) -> web.Response:
    """`GET /operator/login`: asks for a token; who is logged in already goes on."""
    if await current(request) is not None:
        return redirect(request, HOME)
    return login_page(request)


async def submit(request: web.Request) -> web.Response:
    """`POST /operator/login`: a good token begins a session; of any other one sentence is told."""
    services = request.app[SERVICES]
    client = client_of(request)
    fields = await read_form(request, LOGIN_PURPOSE, str(client))
    text = fields.get("token", "").strip()[:_TOKEN_CHARS_MAX]
    now = int(services.now())
    token = await services.truth.read(api_tokens.find_by_hash, api_tokens.token_hash(text))
    if token is None or not opens(token, now):
        return _refused(request, client)
    await services.truth.write(_note_login, token, now)
    claim, value = services.sessions.begin(token)
    structlog.get_logger().info("operator_logged_in", operator=token.name)
    wanted = fields.get("request", "")
    path = f"{HOME}/{wanted}" if is_number(wanted) else HOME
    response = redirect(request, path)
    keep_cookie(services, response, value, claim.expires_at - now)
    return response


def _refused(request: web.Request, client: Network) -> web.Response:
    """One sentence for whatever opens nothing; after too many of these, another one.

    A good token is let in even then: nobody can guess one, but anybody who
    shares an address with an operator could shut the operator out otherwise.
    """
    services = request.app[SERVICES]
    if (again_in_s := services.login_attempts.again_in_s(client)) > 0:
        structlog.get_logger().warning("operator_login_limited", client=str(client))
        return login_page(
            request,
            error=Sentence("Too many attempts. Try again in %(span)s.", span=Span(again_in_s)),
            status=429,
            headers={"Retry-After": str(again_in_s)},
        )
    services.login_attempts.failed(client)
    structlog.get_logger().warning("operator_login_failed", client=str(client))
    return login_page(
        request,
        error=Sentence(
            "That is no token that opens this page. It may be cut, have ended, or be meant "
            "for something else."
        ),
        status=403,
    )


@operators_only
async def leave(request: web.Request, session: Session) -> web.Response:
    """`POST /operator/logout`: the session ends here, not only in this browser, and for good."""
    services = request.app[SERVICES]
    await read_form(request, LOGOUT_PURPOSE, session.claim.id)
    services.sessions.end(session.claim)
    await services.truth.write(_note_logout, session, int(services.now()))
    structlog.get_logger().info("operator_logged_out", operator=session.token.name)
    response = redirect(request, LOGIN)
    drop_cookie(services, response)
    return response


def _note_login(database: Database, token: ApiToken, now: int) -> None:
    """Who came and when, for the audit."""
    api_tokens.note_use(database, token.id, now)
    audit.record(database, [Act(now, f"operator:{token.name}", "operator.logged_in")])


def _note_logout(database: Database, session: Session, now: int) -> None:
    """Who left and when, for the audit; and that this session is over, for the next start."""
    ended_sessions.note(database, session.claim.id, session.claim.expires_at, now)
    audit.record(database, [Act(now, session.actor, "operator.logged_out")])
