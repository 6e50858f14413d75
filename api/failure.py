"""What goes wrong becomes a page in plain words, a status, and a line in the log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import web

from api.language import msgid
from api.negotiation import choose
from api.services import SERVICES
from dnsbl.store.database import InvalidRowError, StoreError
from dnsbl.store.requests import TransitionError

RETRY_AFTER_S: Final = 30  # when the database is likely to take a change again

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_TITLES: Final = {
    400: msgid("Bad request"),
    403: msgid("Forbidden"),
    404: msgid("Not found"),
    405: msgid("Method not allowed"),
    408: msgid("Request timeout"),
    413: msgid("Too large"),
    415: msgid("Not a form"),
    429: msgid("Too many requests"),
    500: msgid("Internal error"),
    503: msgid("Not now"),
}
# Sentences of our own for what aiohttp finds wrong; a 400 or a 403 of ours brings its own.
_SENTENCES: Final = {
    404: msgid("There is no such page. A link from a mail may have been cut: copy all of it."),
    405: msgid("This page is for looking at; it takes no such request."),
    408: msgid("The form took too long to arrive. Nothing was changed; please send it again."),
    413: msgid("That is more than a form of ours holds."),
    415: msgid("This page takes forms as a browser sends them."),
    500: msgid("We made a mistake. It is in our log; nothing of what you asked for was half done."),
    503: msgid(
        "We cannot save anything just now. Nothing was changed; please try again in a minute."
    ),
}


@web.middleware
async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Counts every answer, and makes a page of every failure."""
    try:
        response = await handler(request)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            request.app[SERVICES].metrics.answered(request, error.status)
            raise
        response = _page(request, error.status, _SENTENCES.get(error.status) or error.text or "")
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
    except (TransitionError, InvalidRowError):
        response = _broken(request)
    except StoreError as error:
        structlog.get_logger().error(
            "database_unavailable",
            error=str(error),
            kind=type(error).__name__,
            route=_route(request),
        )
        response = _page(request, HTTPStatus.SERVICE_UNAVAILABLE)
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    except Exception:  # noqa: BLE001  # the last resort: reported, and the visitor told
        response = _broken(request)
    request.app[SERVICES].metrics.answered(request, response.status)
    return response


def _broken(request: web.Request) -> web.Response:
    # The route and not the path: a path may hold a token.
    structlog.get_logger().exception("request_failed", route=_route(request))
    return _page(request, HTTPStatus.INTERNAL_SERVER_ERROR)


def _page(request: web.Request, status: int, text: str = "") -> web.Response:
    """The page of a failure. `text` is one that `msgid` marked, or another's, told as it is."""
    services = request.app[SERVICES]
    choice = choose(request, services.config)
    say = choice.language.gettext
    values = {
        "status": int(status),
        "title": say(_TITLES.get(status, HTTPStatus(status).phrase)),
        "sentence": say(text or _SENTENCES[status]),
    }
    return services.pages.page("failure.html", values, language=choice, status=status)


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return f"{request.method} {resource.canonical if resource is not None else 'other'}"
