"""One life of the sidecar: a child of a process that has all of it in memory already."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn

import structlog

import api.hooks.delivery
import api.mail.delivery
import api.rounds
from api import suffixes
from api.language import language, languages
from api.sidecar import Sidecar
from crash.injection import Injector, Slate
from dnsbl.config import Config

TURN_S: Final = 0.05  # how often the sidecar's workers look: a run has no second to wait


def warm(config: Config, slate: Slate) -> Sidecar:
    """A sidecar that nobody entered yet, with its templates compiled; children inherit it."""
    api.rounds.ROUND_S = TURN_S  # type: ignore[misc]
    api.mail.delivery.POLL_S = TURN_S  # type: ignore[misc]
    api.hooks.delivery.POLL_S = TURN_S  # type: ignore[misc]
    sidecar = Sidecar(config, now=lambda: slate.now)
    suffixes.read()
    for each in languages():  # the catalogues of all, for the switch of a page
        each.moment(slate.now)
    pages = sidecar._pages._environment(language(config.portal.language))  # noqa: SLF001
    for name in pages.list_templates():
        pages.get_template(name)
    gc.collect()
    gc.freeze()  # so that no child copies the memory that it shares
    return sidecar


def live(
    sidecar: Sidecar, slate: Slate, kill_at: int | None, peers: Mapping[int, str],
    ready: int, faults: Path,
) -> NoReturn:  # fmt: skip
    """Runs until it is killed. A byte at `ready` says that it listens; `faults` gets its errors."""
    try:
        _log_errors(faults)
        Injector(slate, kill_at, peers).install()
        asyncio.run(_serve(sidecar, ready))
    except BaseException:  # noqa: BLE001  # a fork must not go on as its parent
        faults.open("a").write(json.dumps({"event": "died", "error": traceback.format_exc()}))
        sys.stderr.flush()
    finally:
        os._exit(1)


async def _serve(sidecar: Sidecar, ready: int) -> None:
    async with sidecar:
        os.write(ready, b"r")
        await asyncio.Event().wait()


def _log_errors(file: Path) -> None:
    stream = file.open("a", buffering=1)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(40),  # errors
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
