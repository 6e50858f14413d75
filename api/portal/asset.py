"""The files that pages refer to: style sheets, the icon, the operator's logo."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from api.services import SERVICES


async def file(request: web.Request) -> web.Response:
    """`GET /static/{name}`."""
    found = request.app[SERVICES].pages.look.asset(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound
    asked = request.if_none_match or ()
    # RFC 9110 §15.4.5: whoever has it already is told so, with the same headers and no body
    known = any(etag.value in (found.version, "*") for etag in asked)
    response = web.Response(
        body=None if known else found.octets,
        status=HTTPStatus.NOT_MODIFIED if known else HTTPStatus.OK,
        content_type=found.content_type,
        charset="utf-8" if found.content_type == "text/css" else None,
    )
    response.etag = found.version
    if found.policy:
        response.headers["Content-Security-Policy"] = found.policy
    return response
