"""For those who watch: alive, ready, and the numbers."""

from __future__ import annotations

import asyncio

from aiohttp import web
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from api.dns_status import read_status
from api.metrics import depths
from api.services import SERVICES
from dnsbl.store import journal
from dnsbl.store.database import StoreError


async def alive(_: web.Request) -> web.Response:
    """`GET /healthz`: 200 while the process answers at all."""
    return web.Response(text="alive\n")


async def ready(request: web.Request) -> web.Response:
    """`GET /readyz`: 200 when the database answers and the workers run; 503 with what does not."""
    services = request.app[SERVICES]
    faults = list(services.faults())
    try:
        await services.truth.read(journal.position)
    except StoreError as error:
        faults.append(str(error))
    if faults:
        return web.Response(text="".join(f"{fault}\n" for fault in faults), status=503)
    return web.Response(text="ready\n")


async def metrics(request: web.Request) -> web.Response:
    """`GET /metrics`: Prometheus's text format."""
    services = request.app[SERVICES]
    try:
        held = await services.truth.read(depths, int(services.now()))
    except StoreError:
        held = None  # said by dnsbl_database_up
    dns = await asyncio.to_thread(read_status, services.config.data.dns_status, services.now())
    body = await asyncio.to_thread(services.metrics.render, held, dns)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})
