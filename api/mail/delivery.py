"""The delivery: takes due mails from the outbox, hands them over, and settles them.

Nothing about a mail in flight is kept in memory alone. Killed at any point, the
process finds the mail queued at its next start and sends it again, under the
same Message-ID and with a token of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from api.mail.carrier import Accepted, Carrier, Deferred, Envelope, Outcome, Refused
from api.mail.compose import compose
from api.mail.schedule import Pace, next_attempt_at
from api.metrics import Metrics
from api.pages import Pages
from api.portal.delisting import mailbox_hash, token_hash
from api.truth import Truth
from dnsbl.config import Config
from dnsbl.delist.findings import Finding, find
from dnsbl.network import parse_address
from dnsbl.store import outbox, requests
from dnsbl.store.database import Database, StoreError
from dnsbl.store.outbox import Mail
from dnsbl.store.request_states import PENDING, State
from dnsbl.store.requests import Request, masked

CONCURRENT_MAX: Final = 4
POLL_S: Final = 5.0  # for what another program queues; what this process queues wakes it
PAUSE_AFTER_ERROR_S: Final = 1.0
STOP_WITHIN_S: Final = 10.0  # what is not handed over by then is sent again after the next start
TOKEN_OCTETS: Final = 32

ACTOR: Final = "mail"


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What a mail is composed of."""

    request: Request
    findings: list[Finding]


class Delivery:
    """Runs until it is stopped; `wake` makes it look at once."""

    def __init__(
        self,
        config: Config,
        truth: Truth,
        carrier: Carrier,
        pages: Pages,
        metrics: Metrics,
        now: Callable[[], float],
    ) -> None:
        self._config = config
        self._truth = truth
        self._carrier = carrier
        self._pages = pages
        self._metrics = metrics
        self._now = now
        self._pace = Pace(config.mail.per_minute)
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._in_flight: dict[int, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """A mail may be due."""
        self._wake.set()

    def stop(self) -> None:
        """Starts nothing new; `run` returns once what is in flight has ended."""
        self._stopping.set()
        self._wake.set()

    async def run(self) -> None:
        """Sends what is due, until stopped."""
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                wait_s = await self._start_due()
            except StoreError as error:
                structlog.get_logger().error("outbox_unreadable", error=str(error))
                wait_s = PAUSE_AFTER_ERROR_S
            except Exception:  # noqa: BLE001  # a bug of ours must not end all delivery
                structlog.get_logger().exception("outbox_crashed")
                wait_s = PAUSE_AFTER_ERROR_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
        if self._in_flight:
            _, late = await asyncio.wait(self._in_flight.values(), timeout=STOP_WITHIN_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _start_due(self) -> float:
        """Starts what may start now; how long to wait until something else may, in seconds."""
        free = CONCURRENT_MAX - len(self._in_flight)
        if free == 0:
            return POLL_S  # the end of one wakes us
        now = int(self._now())
        due = await self._truth.read(outbox.due, now, 2 * CONCURRENT_MAX)
        for mail in [mail for mail in due if mail.id not in self._in_flight][:free]:
            if (wait_s := self._pace.wait_s(self._now())) > 0:
                return min(wait_s, POLL_S)
            self._pace.note(self._now())
            task = asyncio.create_task(self._deliver(mail), name=f"mail-{mail.id}")
            self._in_flight[mail.id] = task
            task.add_done_callback(functools.partial(self._ended, mail.id))
        next_due_at = await self._truth.read(outbox.next_due_at)
        if next_due_at is None or next_due_at <= now:
            return POLL_S
        return min(POLL_S, next_due_at - self._now())

    def _ended(self, mail_id: int, task: asyncio.Task[None]) -> None:
        del self._in_flight[mail_id]
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            structlog.get_logger().error("mail_crashed", mail_id=mail_id, exc_info=error)

    async def _deliver(self, mail: Mail) -> None:
        token = secrets.token_urlsafe(TOKEN_OCTETS)
        try:
            # The token's hash is committed before the mail that carries it can arrive.
            prepared = await self._truth.write(self._prepare, mail, token_hash(token))
        except StoreError as error:
            structlog.get_logger().error("mail_delayed", mail_id=mail.id, error=str(error))
            await asyncio.sleep(PAUSE_AFTER_ERROR_S)
            return
        if prepared is None:
            return
        request = prepared.request
        outcome = _discreet(await self._carry(mail, prepared, token), request.mailbox)
        self._report(mail, outcome)
        while True:
            try:
                await self._truth.write(self._settle, mail, request, outcome)
            except StoreError as error:
                # It was handed over: until that is noted it must not be sent again.
                structlog.get_logger().error("mail_unsettled", mail_id=mail.id, error=str(error))
                if self._stopping.is_set():
                    return
                await asyncio.sleep(PAUSE_AFTER_ERROR_S)
            else:
                return

    async def _carry(self, mail: Mail, prepared: _Prepared, token: str) -> Outcome:
        request = prepared.request
        try:
            message = compose(
                self._config, self._pages, mail, request, prepared.findings, token,
                int(self._now()),
            )  # fmt: skip
            envelope = Envelope(mail, self._config.mail.sender, request.mailbox, message)
            return await self._carrier.carry(envelope)
        except Exception:  # noqa: BLE001  # a bug of ours: reported, and tried again as others are
            structlog.get_logger().exception("mail_crashed", mail_id=mail.id)
            return Deferred("This portal made a mistake with the mail", operator_fault=True)

    def _prepare(self, database: Database, mail: Mail, token: bytes) -> _Prepared | None:
        """What the mail is composed of, its token kept; None where it is not to be sent now."""
        now = int(self._now())
        if outbox.of_request(database, mail.request_id) != mail or mail.state != "queued":
            return None  # settled since it was read
        request = requests.get(database, mail.request_id)
        assert request is not None  # a foreign key
        if request.state not in PENDING or request.expires_at <= now:
            outbox.cancel(database, request.id, now)
            self._metrics.mails.labels("cancelled").inc()
            return None
        if requests.is_suppressed(database, mailbox_hash(request.mailbox_key)):
            reply = self._carrier.unsent_reply(mail)
            outbox.settle(database, mail.id, "sent", reply, now=now)
            _move(database, request.id, State.MAIL_SENT, now, "")
            self._metrics.mails.labels("suppressed").inc()
            structlog.get_logger().info("mail_suppressed", mail_id=mail.id, request_id=request.id)
            return None
        requests.add_token(database, token, request.id, request.expires_at)
        address = parse_address(request.address)
        return _Prepared(request, find(database, self._config, address, now))

    def _settle(self, database: Database, mail: Mail, request: Request, outcome: Outcome) -> None:
        """Notes how it went, with the request's state, in one transaction."""
        now = int(self._now())
        kept = outbox.of_request(database, request.id)
        if kept is None or kept.message_id != mail.message_id:
            return  # another database stands in the place of the one that the mail was read from
        match outcome:
            case Accepted(reply):
                if outbox.settle(database, mail.id, "sent", reply, now=now):
                    _move(database, request.id, State.MAIL_SENT, now, "")
            case Deferred(reply):
                again_at = next_attempt_at(mail.attempts + 1, now)
                if again_at < request.expires_at:
                    outbox.settle(
                        database, mail.id, "queued", reply, now=now, next_attempt_at=again_at
                    )
                elif outbox.settle(database, mail.id, "failed", reply, now=now):
                    _move(database, request.id, State.MAIL_FAILED, now, reply)
            case Refused(reply):
                if outbox.settle(database, mail.id, "failed", reply, now=now):
                    _move(database, request.id, State.MAIL_FAILED, now, reply)

    def _report(self, mail: Mail, outcome: Outcome) -> None:
        log = structlog.get_logger().bind(
            mail_id=mail.id, request_id=mail.request_id, attempt=mail.attempts + 1
        )
        match outcome:
            case Accepted(reply, None):
                self._metrics.mails.labels("accepted").inc()
                log.info("mail_sent", reply=reply)
            case Accepted(_, file):
                self._metrics.mails.labels("accepted").inc()
                log.info("mail_written", file=str(file))
            case Deferred(reply, operator_fault, detail):
                self._metrics.mails.labels("deferred").inc()
                if operator_fault:
                    log.error("mail_transport_faulty", reply=reply, detail=detail)
                else:
                    log.warning("mail_deferred", reply=reply, detail=detail)
            case Refused(reply):
                self._metrics.mails.labels("refused").inc()
                log.warning("mail_refused", reply=reply)


def _move(database: Database, request_id: int, to: State, now: int, note: str) -> None:
    """Moves a request on, unless its link was used or it ended meanwhile."""
    request = requests.get(database, request_id)
    if request is not None and request.state is State.MAIL_QUEUED:
        requests.move(database, request_id, to, actor=ACTOR, now=now, note=note)


def _discreet(outcome: Outcome, mailbox: str) -> Outcome:
    """The outcome with the mailbox masked in the server's words: they are shown and logged."""

    def said(words: str) -> str:
        words = re.sub(re.escape(mailbox), masked(mailbox), words, flags=re.IGNORECASE)
        return "".join(char if char.isprintable() else " " for char in words)

    match outcome:
        case Accepted(reply, file):
            return Accepted(said(reply), file)
        case Deferred(reply, operator_fault, detail):
            return Deferred(said(reply), operator_fault, said(detail))
        case Refused(reply):
            return Refused(said(reply))
