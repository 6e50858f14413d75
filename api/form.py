"""Reading a submitted form: its kind, its size, and each field at most once."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

FORM_BYTES_MAX: Final = 16 * 1024
_FIELDS_MAX: Final = 16
_FORM_TYPE: Final = "application/x-www-form-urlencoded"


async def read_fields(request: web.Request) -> dict[str, str]:
    """The fields of a form.

    Raises HTTPUnsupportedMediaType where it is another kind of content,
    HTTPRequestEntityTooLarge over FORM_BYTES_MAX, HTTPBadRequest where it is
    not what a browser would send.
    """
    if request.content_type != _FORM_TYPE:
        raise web.HTTPUnsupportedMediaType
    try:
        body = await request.read()
    except web.RequestPayloadError:  # cut off, or its chunks are not well formed
        raise web.HTTPBadRequest(text="The form did not arrive whole.") from None
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_FIELDS_MAX,
        )
    except ValueError:
        raise web.HTTPBadRequest(text="The form is not encoded as a browser does it.") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise web.HTTPBadRequest(text="One address and one mailbox go into a request.")
    return fields
