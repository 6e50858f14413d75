"""What is listed and how it is removed, for everyone to read (RFC 6471 §2.1, §2.2)."""

from __future__ import annotations

from aiohttp import web

from api.negotiation import choose
from api.services import SERVICES


async def page(request: web.Request) -> web.Response:
    """`GET /policy`."""
    services = request.app[SERVICES]
    return services.pages.page(
        "policy.html",
        {
            "limits": services.config.portal.limits,
            "confirm_within_s": services.config.portal.confirm_within_s,
            "requests_age_s": services.config.data.requests_age_s,
        },
        language=choose(request, services.config),
    )
