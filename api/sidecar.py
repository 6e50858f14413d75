"""The sidecar's life: lock, database, port, workers; and the same backwards at its end."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

import structlog
from aiohttp import web

from api import suffixes
from api.app import build
from api.connections import BACKLOG, Connections
from api.expiry import Expiry
from api.form_token import FormTokens
from api.hooks.deciding import Deciding
from api.hooks.notifying import Notifying
from api.lock import Lock
from api.mail.carrier import Carrier
from api.mail.delivery import Delivery
from api.mail.file import FileCarrier
from api.mail.reminders import Reminders
from api.mail.smtp import SmtpCarrier
from api.mail_domain import can_get_mail
from api.metrics import Metrics
from api.operator.attempts import Attempts
from api.operator.session import Sessions
from api.pages import Pages
from api.pruning import Pruning
from api.resolver import resolver_of
from api.review import Review
from api.rounds import Rounds
from api.security_headers import SecurityHeaders
from api.services import Services
from api.truth import WRITE_WAIT_S, Truth
from dnsbl.config import Config
from dnsbl.errors import DnsblError
from dnsbl.store.database import Database

FINISH_WITHIN_S: Final = 10.0  # what a page under way gets to finish in, at the end


class ListenError(DnsblError):
    """The portal's address or port cannot be had."""


class Sidecar:
    """Everything that runs, as an async context manager. `now` gives Unix seconds.

    Entering raises LockedError, StoreError or ListenError, and leaves nothing
    behind then.
    """

    def __init__(
        self,
        config: Config,
        *,
        now: Callable[[], float] = time.time,
        write_wait_s: float = WRITE_WAIT_S,
    ) -> None:
        self._config = config
        self._now = now
        self._form_tokens = FormTokens(now)
        self._sessions = Sessions(now)
        self.truth = Truth(config.data.database, write_wait_s, self._read_secrets)
        self._metrics = Metrics()
        self._pages = Pages(config)
        self._resolver = resolver_of(config)
        self.delivery = Delivery(
            config, self.truth, _carrier(config), self._pages, self._metrics, now,
            functools.partial(can_get_mail, self._resolver),
        )  # fmt: skip
        self.notifying = Notifying(config, self.truth, self._metrics, now)
        self.expiry = Expiry(self.truth, now)
        self.review = Review(self.truth, config, now)
        self.pruning = Pruning(self.truth, config.data, now)
        self.reminders = Reminders(self.truth, config, now)
        self._rounds = [
            Rounds("expiry", self.expiry.round),
            Rounds("review", self.review.round),
            Rounds("pruning", self.pruning.round),
            Rounds("reminders", self.reminders.round),
            *self.notifying.rounds,
        ]
        self._workers: list[asyncio.Task[None]] = []
        self._ending = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            lock = Lock(self._config.data.directory)
            lock.take()
            stack.callback(lock.release)
            stack.push_async_callback(self.truth.close)
            await self.truth.open()
            await self.notifying.begin()
            await asyncio.to_thread(suffixes.read)  # or the first visitor would hold up the others
            # Last in, first out: no new visitors, then the workers, then the database.
            stack.push_async_callback(self._stop_workers)
            await self._listen(stack)
            self._workers = [
                asyncio.create_task(self.delivery.run(), name="delivery"),
                asyncio.create_task(self.notifying.delivery.run(), name="hooks"),
                *(asyncio.create_task(each.run(), name=each.name) for each in self._rounds),
            ]
            self._ending = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._ending.__aexit__(kind, error, trace)

    async def _listen(self, stack: contextlib.AsyncExitStack) -> None:
        deciding = Deciding(self._config, self.truth, self._metrics)
        stack.push_async_callback(deciding.close)
        services = Services(
            config=self._config,
            truth=self.truth,
            now=self._now,
            pages=self._pages,
            form_tokens=self._form_tokens,
            metrics=self._metrics,
            resolver=self._resolver,
            deciding=deciding,
            sessions=self._sessions,
            login_attempts=Attempts(self._now),
            mail_queued=self.delivery.wake,
            faults=self.faults,
        )
        runner = web.AppRunner(build(services), shutdown_timeout=FINISH_WITHIN_S)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        assert runner.server is not None  # it was set up
        portal = self._config.portal
        connections = Connections(
            runner.server,
            SecurityHeaders(portal.public_url),
            self._metrics,
            portal,
        )
        try:
            listening = await asyncio.get_running_loop().create_server(
                connections, portal.listen.address, portal.listen.port, backlog=BACKLOG
            )
        except OSError as error:
            raise ListenError(
                f"portal.listen: {portal.listen} cannot be used: {error.strerror or error}"
            ) from None
        stack.callback(listening.close)

    def _read_secrets(self, database: Database) -> None:
        """Takes the secrets of a database that was opened."""
        self._form_tokens.read_secret(database)
        self._sessions.read_secret(database)

    async def _stop_workers(self) -> None:
        self.delivery.stop()
        self.notifying.delivery.stop()
        for each in self._rounds:
            each.stop()
        for ended in await asyncio.gather(*self._workers, return_exceptions=True):
            if isinstance(ended, BaseException):
                structlog.get_logger().error("worker_crashed", exc_info=ended)
        await self.notifying.close()

    def faults(self) -> list[str]:
        """What is wrong with the workers, in sentences; empty while they run."""
        return [
            f"the worker {worker.get_name()} has ended" for worker in self._workers if worker.done()
        ]


def _carrier(config: Config) -> Carrier:
    if config.mail.transport == "smtp":
        return SmtpCarrier(config.mail.smtp, config.portal.public_url)
    return FileCarrier(config.data.outbox)
