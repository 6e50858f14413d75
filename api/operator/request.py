"""One request with all that is known of it, and the operator's ruling."""

from __future__ import annotations

from typing import Final

import structlog
from aiohttp import web

from api.language import Sentence
from api.negotiation import choose
from api.operator.access import HOME, operators_only, read_form, redirect
from api.operator.login import LOGOUT_PURPOSE
from api.operator.session import Session
from api.services import SERVICES
from dnsbl.config import Config
from dnsbl.delist import dossier, ruling, sight
from dnsbl.delist.conclusion import Concluded
from dnsbl.delist.dossier import Dossier
from dnsbl.delist.ruling import REASON_CHARS_MAX, NoRequestError, Ruling, SettledError
from dnsbl.delist.sight import UnseenError
from dnsbl.store.database import Database
from dnsbl.store.requests import TransitionError

DONE: Final = ("approved", "refused")  # what `?done=` may say
_SHOWN_CHARS_MAX: Final = 2 * REASON_CHARS_MAX  # of a reason that is shown again


@operators_only
async def page(request: web.Request, session: Session) -> web.Response:
    """`GET /operator/requests/{request_id}`; `?mailbox=1` shows the mailbox whole."""
    return await _page(request, session)


@operators_only
async def approve(request: web.Request, session: Session) -> web.Response:
    """`POST /operator/requests/{request_id}/approve`."""
    return await _decide(request, session, approves=True)


@operators_only
async def refuse(request: web.Request, session: Session) -> web.Response:
    """`POST /operator/requests/{request_id}/refuse`: needs a reason."""
    return await _decide(request, session, approves=False)


async def _decide(request: web.Request, session: Session, *, approves: bool) -> web.Response:
    services = request.app[SERVICES]
    request_id = _request_id(request)
    fields = await read_form(request, _purpose(request_id), session.claim.id)
    reason = " ".join(fields.get("reason", "").split())
    error = None
    if len(reason) > REASON_CHARS_MAX:
        error = Sentence(
            "The reason is longer than %(count)s characters. Nothing was changed.",
            count=REASON_CHARS_MAX,
        )
    elif not approves and not reason:
        error = Sentence("The sender is told why: enter a reason. Nothing was changed.")
    typed = {"approve" if approves else "refuse": reason[:_SHOWN_CHARS_MAX]}
    if error is not None:
        return await _page(request, session, error=error, typed=typed, status=422)
    decided = Ruling(approves, reason, waiting_too=fields.get("waiting_too") == "1")
    try:
        concluded = await services.truth.write(
            _rule, services.config, request_id, sight.read_mark(fields.get("seen", "")), decided,
            actor=session.actor, now=int(services.now()),
        )  # fmt: skip
    except NoRequestError:
        raise web.HTTPNotFound from None
    except (SettledError, TransitionError, UnseenError):
        # Another operator was first, or something else happened: the page says how it stands.
        return await _page(request, session, error=_SETTLED, typed=typed, status=409)
    services.mail_queued()
    structlog.get_logger().info(
        "request_decided",
        request_id=request_id,
        address=concluded.request.address,
        operator=session.token.name,
        ruling="approved" if approves else "refused",
        state=str(concluded.request.state),
    )
    done = DONE[0] if approves else DONE[1]
    return redirect(request, f"{HOME}/{request_id}", {"done": done})


def _rule(
    database: Database, config: Config, request_id: int, seen: set[str], decided: Ruling,
    *, actor: str, now: int,
) -> Concluded:  # fmt: skip
    """Rules about what the operator's page showed, in one transaction; else raises UnseenError."""
    sight.check_seen(database, config, request_id, seen, now)
    return ruling.rule(database, config, request_id, decided, actor=actor, now=now)


_SETTLED: Final = Sentence(
    "This request was settled meanwhile, or changed: your ruling came too late, and nothing was "
    "changed by it. Below is how it stands now."
)


async def _page(
    request: web.Request, session: Session, *,
    error: Sentence | None = None, typed: dict[str, str] | None = None, status: int = 200,
) -> web.Response:  # fmt: skip
    services = request.app[SERVICES]
    request_id = _request_id(request)
    found: Dossier | None = await services.truth.read(
        dossier.read, services.config, request_id, int(services.now())
    )
    if found is None:
        raise web.HTTPNotFound
    holder = session.claim.id
    return services.pages.page(
        "operator_request.html",
        {
            "found": found,
            "request": found.request,
            "session": session,
            "shows_mailbox": request.query.get("mailbox") == "1",
            "done": request.query.get("done") if request.query.get("done") in DONE else "",
            "error": error,
            "typed": typed or {},
            "reason_chars_max": REASON_CHARS_MAX,
            "seen": sight.mark(found.matters),
            "form_token": services.form_tokens.mint(_purpose(request_id), holder),
            "logout_token": services.form_tokens.mint(LOGOUT_PURPOSE, holder),
        },
        language=choose(request, services.config),
        status=status,
    )


def _request_id(request: web.Request) -> int:
    """The number in the address: the route lets nothing else pass."""
    return int(request.match_info["request_id"])


def _purpose(request_id: int) -> str:
    """A form of a request's page is good for that request, and for the session that opened it."""
    return f"operator_request:{request_id}"
