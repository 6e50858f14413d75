"""The application: its routes in the order of their paths, and what holds for all of them."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from api import failure, health
from api.form import FORM_BYTES_MAX
from api.operator import login, queue
from api.operator import request as decision
from api.portal import asset, confirm, lookup, policy, request, statistics, status
from api.proxy_notice import ProxyNotice
from api.security_headers import SecurityHeaders
from api.services import SERVICES, Services

_REQUEST: Final = "{request_id:[1-9][0-9]{0,17}}"  # the number of a delist request


def build(services: Services) -> web.Application:
    """The application around its services."""
    app = web.Application(middlewares=[failure.answered], client_max_size=FORM_BYTES_MAX)
    app[SERVICES] = services
    app[statistics.STATISTICS] = statistics.build(services)
    app.on_response_prepare.append(SecurityHeaders(services.config.portal.public_url))
    app.on_response_prepare.append(ProxyNotice(services.config.portal.trusted_proxies))
    app.add_routes(
        [
            web.get("/", lookup.page),
            web.post("/", request.submit),
            web.get("/confirm/{token}", confirm.page),
            web.post("/confirm/{token}", confirm.press),
            web.get("/healthz", health.alive),
            web.get("/metrics", health.metrics),
            web.get("/operator", login.home),
            web.get("/operator/", login.home),
            web.get("/operator/login", login.page),
            web.post("/operator/login", login.submit),
            web.post("/operator/logout", login.leave),
            web.get("/operator/requests", queue.page),
            web.get(f"/operator/requests/{_REQUEST}", decision.page),
            web.post(f"/operator/requests/{_REQUEST}/approve", decision.approve),
            web.post(f"/operator/requests/{_REQUEST}/refuse", decision.refuse),
            web.get("/policy", policy.page),
            web.get("/readyz", health.ready),
            web.get("/static/{name}", asset.file),
            web.get("/statistics", statistics.page),
            web.get("/status/{key}", status.page),
        ]
    )
    return app
