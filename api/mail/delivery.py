"""The delivery: takes due mails from the outbox, hands them over, and settles them.

Nothing about a mail in flight is kept in memory alone. Killed at any point, the
process finds the mail queued at its next start and sends it again, under the
same Message-ID and with a token of its own. What tells of a decision moves no
request, however it ends.
"""

from __future__ import annotations

import asyncio
import functools
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from api.dispatch import PAUSE_AFTER_ERROR_S, Dispatch
from api.mail.carrier import Accepted, Carrier, Deferred, Envelope, Outcome, Refused
from api.mail.draft import Draft, draft, envelope_sender, message_of, until
from api.mail.precedent import ATTEMPTS_MAX, presumed
from api.mail.schedule import next_attempt_at
from api.mail.trouble import Trouble
from api.metrics import Metrics
from api.pages import Pages
from api.truth import Truth
from dnsbl.config import Config
from dnsbl.store import outbox, requests, suppressions
from dnsbl.store.database import Database, StoreError
from dnsbl.store.outbox import Mail
from dnsbl.store.replies import discreet
from dnsbl.store.request_states import PENDING, State
from dnsbl.store.requests import Request

CONCURRENT_MAX: Final = 4
POLL_S: Final = 5.0  # for what another program queues; what this process queues wakes it

# What a mail that is not to go takes before any other has shown how long that is: whoever watches
# its status page learns nothing from its haste.
WITHHELD_S: Final[dict[str, float]] = {"file": 0.0, "smtp": 0.5}

ACTOR: Final = "mail"

_LINK_STATES: Final = (*PENDING, State.COOLDOWN)  # in which a link still has something to open


@dataclass(frozen=True, slots=True)
class Withheld:
    """A mail that is not to go, and that must look like one that did; its envelope's sender."""

    sender: str


async def _any_domain(_: str) -> bool:
    return True


class Delivery:
    """Runs until it is stopped; `wake` makes it look at once.

    `can_get_mail` says of a mailbox's domain whether mail can go there at all.
    """

    def __init__(
        self,
        config: Config,
        truth: Truth,
        carrier: Carrier,
        pages: Pages,
        metrics: Metrics,
        now: Callable[[], float],
        can_get_mail: Callable[[str], Awaitable[bool]] = _any_domain,
    ) -> None:
        self._config = config
        self._truth = truth
        self._carrier = carrier
        self._pages = pages
        self._metrics = metrics
        self._now = now
        self._can_get_mail = can_get_mail
        self._took_s: dict[type[Outcome], float] = {}  # the last of each that was real
        self._dispatch = Dispatch(self._look)
        self._withheld: set[int] = set()  # of what is under way, which is not to go

    def wake(self) -> None:
        """A mail may be due."""
        self._dispatch.wake()

    def stop(self) -> None:
        """Starts nothing new; `run` returns once what is under way has ended."""
        self._dispatch.stop()

    async def run(self) -> None:
        """Sends what is due, until stopped."""
        await self._dispatch.run()

    async def _look(self) -> float:
        try:
            return await self._start_due()
        except StoreError as error:
            structlog.get_logger().error("outbox_unreadable", error=str(error))
        except Exception:  # noqa: BLE001  # a bug of ours must not end all delivery
            structlog.get_logger().exception("outbox_crashed")
        return PAUSE_AFTER_ERROR_S

    async def _start_due(self) -> float:
        """Starts what may start now; how long to wait until something else may, in seconds."""
        free = CONCURRENT_MAX - len(self._dispatch.under_way)
        if free == 0:
            return POLL_S  # the end of one wakes us
        now = int(self._now())
        due = await self._truth.read(outbox.due, now, 2 * CONCURRENT_MAX)
        waiting = [mail for mail in due if mail.id not in self._dispatch.under_way]
        if waiting and (until_at := await self._truth.read(self._paced_until)) is not None:
            return min(POLL_S, max(0.0, until_at - self._now()))
        for mail in waiting[:free]:
            self._dispatch.begin(
                mail.id, self._deliver(mail), functools.partial(self._ended, mail.id)
            )
        next_due_at = await self._truth.read(outbox.next_due_at)
        if next_due_at is None or next_due_at <= now:
            return POLL_S
        return min(POLL_S, next_due_at - self._now())

    def _ended(self, mail_id: int, error: BaseException | None) -> None:
        self._withheld.discard(mail_id)
        if error is not None:
            structlog.get_logger().error("mail_crashed", mail_id=mail_id, exc_info=error)

    async def _deliver(self, mail: Mail) -> None:
        try:
            request = await self._truth.read(requests.get, mail.request_id)
            assert request is not None  # a foreign key
            goes = await self._can_get_mail(request.mailbox.rpartition("@")[2])
            prepared = await self._truth.write(self._prepare, mail, goes)
        except StoreError as error:
            structlog.get_logger().error("mail_delayed", mail_id=mail.id, error=str(error))
            await asyncio.sleep(PAUSE_AFTER_ERROR_S)
            return
        if prepared is None:
            return
        began = time.monotonic()
        if isinstance(prepared, Withheld):
            outcome = await self._withhold(mail, request, prepared.sender)
            await asyncio.sleep(max(0.0, began + self._usual_s(outcome) - time.monotonic()))
            self._report_withheld(mail, outcome)
        else:
            outcome = _discreet(await self._carry(prepared), request.mailbox)
            self._took_s[type(outcome)] = time.monotonic() - began
            self._report(mail, outcome)
        log = structlog.get_logger()
        await self._dispatch.noted(
            lambda: self._truth.write(self._settle, mail, request, outcome),
            lambda error: log.error("mail_unsettled", mail_id=mail.id, error=str(error)),
        )

    async def _withhold(self, mail: Mail, request: Request, sender: str) -> Outcome:
        """What others meet just now: up to the recipient's name by a trial, then by precedent."""
        self._withheld.add(mail.id)
        try:
            tried = await self._carrier.try_out(mail, sender)
        except Exception:  # noqa: BLE001  # a bug of ours: reported, and tried again as others are
            structlog.get_logger().exception("mail_crashed", mail_id=mail.id)
            return Deferred(Trouble.MISTAKE, operator_fault=True)
        if not isinstance(tried, Accepted):
            return _discreet(tried, request.mailbox)
        # What is on its way at the same time knows best: a server may just have come back.
        under_way = self._dispatch.under_way.items()
        if others := [task for id_, task in under_way if id_ not in self._withheld]:
            await asyncio.wait(others)
        try:
            attempts = await self._truth.read(outbox.last_attempts, mail, ATTEMPTS_MAX)
        except StoreError:  # nor can it be settled for now
            return tried
        return presumed(attempts, request) or tried

    def _usual_s(self, outcome: Outcome) -> float:
        """How long a real mail took that ended so."""
        return self._took_s.get(type(outcome), WITHHELD_S[self._config.mail.transport])

    def _paced_until(self, database: Database) -> int | None:
        return outbox.paced_until(database, self._config.mail.per_minute, int(self._now()))

    async def _carry(self, prepared: Draft) -> Outcome:
        mail = prepared.mail
        try:
            message = message_of(prepared, self._config, self._pages, int(self._now()))
            envelope = Envelope(mail, prepared.sender, prepared.request.mailbox, message)
            return await self._carrier.carry(envelope)
        except Exception:  # noqa: BLE001  # a bug of ours: reported, and tried again as others are
            structlog.get_logger().exception("mail_crashed", mail_id=mail.id)
            return Deferred(Trouble.MISTAKE, operator_fault=True)

    def _prepare(self, database: Database, mail: Mail, goes: bool) -> Draft | Withheld | None:  # noqa: FBT001
        """What the mail is composed of, its token kept; None where it is not to be sent now.

        `goes`: whether mail can get to its domain. The limit of mails a minute is
        kept here, where the attempt is noted: a restart knows of it.
        """
        now = int(self._now())
        if outbox.get(database, mail.id) != mail or mail.state != "queued":
            return None  # settled since it was read
        request = requests.get(database, mail.request_id)
        assert request is not None  # a foreign key
        if until(mail, request) <= now or (_asks(mail) and request.state not in _LINK_STATES):
            outbox.cancel(database, request.id, now, kind=mail.kind)
            self._metrics.mails.labels("cancelled").inc()
            return None
        if self._paced_until(database) is not None:
            return None
        if not goes or suppressions.is_suppressed(
            database, suppressions.mailbox_hash(request.mailbox_key)
        ):
            outbox.note_attempt(database, mail.id, None)
            return Withheld(envelope_sender(database, self._config, mail))
        outbox.note_attempt(database, mail.id, math.ceil(self._now()))
        return draft(database, self._config, mail, request, now)

    def _settle(self, database: Database, mail: Mail, request: Request, outcome: Outcome) -> None:
        """Notes how it went, with the request's state, in one transaction."""
        now = int(self._now())
        kept = outbox.get(database, mail.id)
        if kept is None or kept.message_id != mail.message_id:
            return  # another database stands in the place of the one that the mail was read from
        match outcome:
            case Accepted(reply):
                if outbox.settle(database, mail.id, "sent", reply, now=now):
                    _move(database, mail, State.MAIL_SENT, now, "")
            case Deferred(reply):
                again_at = next_attempt_at(mail.attempts + 1, now)
                if again_at < until(mail, request):
                    outbox.settle(
                        database, mail.id, "queued", reply, now=now, next_attempt_at=again_at
                    )
                elif outbox.settle(database, mail.id, "failed", reply, now=now):
                    _move(database, mail, State.MAIL_FAILED, now, reply)
            case Refused(reply):
                if outbox.settle(database, mail.id, "failed", reply, now=now):
                    _move(database, mail, State.MAIL_FAILED, now, reply)

    def _report_withheld(self, mail: Mail, outcome: Outcome) -> None:
        self._metrics.mails.labels("suppressed").inc()
        structlog.get_logger().info(
            "mail_suppressed", mail_id=mail.id, request_id=mail.request_id, reply=outcome.reply
        )

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


def _asks(mail: Mail) -> bool:
    """Whether a mail asks to confirm, so that its request waits for it."""
    return mail.kind == "confirm_mail"


def _move(database: Database, mail: Mail, to: State, now: int, note: str) -> None:
    """Moves a mail's request on, unless its link was used or it ended meanwhile."""
    request = requests.get(database, mail.request_id)
    if _asks(mail) and request is not None and request.state is State.MAIL_QUEUED:
        requests.move(database, request.id, to, actor=ACTOR, now=now, note=note)


def _discreet(outcome: Outcome, mailbox: str) -> Outcome:
    """The outcome with the mailbox masked in the server's words: they are shown and logged."""

    def said(words: str) -> str:
        return discreet(words, mailbox)

    match outcome:
        case Accepted(reply, file):
            return Accepted(said(reply), file)
        case Deferred(reply, operator_fault, detail):
            return Deferred(said(reply), operator_fault, said(detail))
        case Refused(reply):
            return Refused(said(reply))
