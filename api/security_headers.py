"""Headers of every response: what a page may do, and who may keep or frame it."""

from __future__ import annotations

from typing import Final

from aiohttp import web

_POLICY: Final = "Content-Security-Policy"
_ALWAYS: Final = {
    # No script from anywhere, ours included; our style sheets and pictures; forms go home.
    _POLICY: (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Server": "dnsbl",
}
# Addresses of these pages are secrets: they go into no Referer, and into no search engine.
_SECRET_ADDRESSES: Final = ("/confirm/", "/status/")
# Nor do these belong into a search engine.
_UNLISTED: Final = (*_SECRET_ADDRESSES, "/operator")
_STATIC: Final = "/static/"
STATIC_MAX_AGE_S: Final = 86_400  # their addresses carry a version
_HTTPS_ONLY_S: Final = 31_536_000


class SecurityHeaders:
    """A signal handler of aiohttp's, so that no response leaves without them."""

    def __init__(self, public_url: str) -> None:
        self._https = public_url.startswith("https://")

    async def __call__(self, request: web.Request, response: web.StreamResponse) -> None:
        """Adds them; called when a response is about to be sent."""
        self.add(response, request.path)

    def add(self, response: web.StreamResponse, path: str = "/") -> None:
        """Adds what a response to this path gets."""
        headers = response.headers
        own_policy = headers.get(_POLICY)  # a picture's, stricter than a page's
        headers.update(_ALWAYS)
        if own_policy is not None:
            headers[_POLICY] = own_policy
        secret = path.startswith(_SECRET_ADDRESSES)
        # "same-origin" on the others: under "no-referrer" forms would come with `Origin: null`
        headers["Referrer-Policy"] = "no-referrer" if secret else "same-origin"
        if path.startswith(_UNLISTED):
            headers["X-Robots-Tag"] = "noindex, nofollow"
        if path.startswith(_STATIC) and response.status in (200, 304):
            headers["Cache-Control"] = f"public, max-age={STATIC_MAX_AGE_S}"
        else:
            headers["Cache-Control"] = "no-store"
        if self._https:
            headers["Strict-Transport-Security"] = f"max-age={_HTTPS_ONLY_S}"
