"""Whether a form was sent from a page of ours, as far as the browser says."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web


def is_from_our_page(request: web.Request, public_url: str, *, opaque_origin: bool = False) -> bool:
    """What Sec-Fetch-Site, or else Origin, says of where the form came from.

    A client that sends neither is no browser that could be abused. Pages under
    `Referrer-Policy: no-referrer` send `Origin: null`; `opaque_origin` lets that
    pass, for forms whose own address is a secret.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    if origin == "null":
        return opaque_origin
    try:
        sent_from, ours = urlsplit(origin), urlsplit(public_url)
    except ValueError:
        return False
    if sent_from.scheme not in ("http", "https"):
        return False
    return (sent_from.scheme, sent_from.netloc) == (ours.scheme, ours.netloc) or (
        sent_from.netloc != "" and sent_from.netloc == request.host
    )
