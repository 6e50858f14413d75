"""Reading a submitted form: its kind, its size, and each field at most once."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from api.language import msgid

FORM_BYTES_MAX: Final = 16 * 1024
FORM_WITHIN_S: Final = 20  # what a slow line takes; a hanging one holds no page for ever
_FIELDS_MAX: Final = 16
_FORM_TYPE: Final = "application/x-www-form-urlencoded"


async def read_fields(request: web.Request) -> dict[str, str]:
    """The fields of a form.

    Raises HTTPUnsupportedMediaType where it is another kind of content,
    HTTPRequestEntityTooLarge over FORM_BYTES_MAX, HTTPRequestTimeout after
    FORM_WITHIN_S, HTTPBadRequest where it is not what a browser would send.
    """
    if request.content_type != _FORM_TYPE:
        raise web.HTTPUnsupportedMediaType
    try:
        async with asyncio.timeout(FORM_WITHIN_S):
            body = await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (web.RequestPayloadError, ConnectionError):  # not well formed, or cut off
        raise web.HTTPBadRequest(text=msgid("The form did not arrive whole.")) from None
    except RuntimeError:
        if request.transport is not None:
            raise
        # Hung up before we began to read: aiohttp has no kinder error for that.
        raise web.HTTPBadRequest(text=msgid("The form did not arrive whole.")) from None
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_FIELDS_MAX,
        )
    except ValueError:
        raise web.HTTPBadRequest(
            text=msgid("The form is not encoded as a browser does it.")
        ) from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise web.HTTPBadRequest(text=msgid("One address and one mailbox go into a request."))
    return fields
