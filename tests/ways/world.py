"""The database and the delivery that a way goes through, beside the petitions that are known of.

What is done here is done to both: the database by the code under test, the petitions by the model.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Final

from hypothesis.stateful import RuleBasedStateMachine
from portal import START

from api import expiry
from api.mail.carrier import Accepted, Deferred, Outcome
from api.mail.delivery import Delivery
from api.mail.draft import Draft
from api.mail.file import FileCarrier
from api.metrics import Metrics
from api.truth import Truth
from dnsbl.delist.case import Key
from dnsbl.delist.findings import find
from dnsbl.network import parse, parse_address
from dnsbl.store import listings, news, outbox, relapse, requests
from dnsbl.store.database import Database, open_writer
from dnsbl.store.listings import Listing
from dnsbl.store.outbox import Mail
from dnsbl.store.request_states import State
from ways.ground import MANY, ZONE, Ground
from ways.petition import WAITING, Link, Petition

BATCH_ROWS: Final = 3  # of the journal, so that the watch is often in the midst of a row


class World(RuleBasedStateMachine):
    """A way's database, and the model beside it. `ground` is set by the test."""

    ground: Ground

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "listings.sqlite3"
        shutil.copy(self.ground.empty, path)
        self.database: Database = open_writer(path)
        self.database.connection.execute("PRAGMA synchronous = OFF")  # nothing is killed here
        self.config = self.ground.config
        self.now = START
        carrier = FileCarrier(Path(self._folder.name))
        self.delivery = Delivery(
            self.config, Truth(path), carrier, self.ground.pages, Metrics(), lambda: self.now
        )
        self.known: dict[int, Petition] = {}
        self.suppressed: set[str] = set()

    def _list(self, network: str, category: str) -> None:
        with self.database.transaction():
            listings.add(
                self.database,
                Listing(ZONE, parse(network), category, f"trap {self.now}", listed_at=self.now),
            )

    def _keys(self, address: str) -> set[Key]:
        found = find(self.database, self.config, parse_address(address), self.now)
        return {(each.zone.origin, each.category.name) for each in found}

    # Mail

    def _take_up(self) -> list[tuple[Mail, Draft]]:
        taken = []
        for mail in outbox.due(self.database, self.now, MANY):
            petition = self.known[mail.request_id]
            with self.database.transaction():
                prepared = self.delivery._prepare(self.database, mail, goes=True)  # noqa: SLF001
            if isinstance(prepared, Draft):
                assert petition.mailbox not in self.suppressed
                if mail.kind == "confirm_mail":
                    assert petition.state in WAITING | {State.COOLDOWN}  # then it reminds
                    petition.links[prepared.token] = Link(
                        used=False, expires_at=petition.expires_at
                    )
                taken.append((mail, prepared))
            elif prepared is not None:
                assert petition.mailbox in self.suppressed
                with self.database.transaction():
                    request = requests.get(self.database, mail.request_id)
                    assert request is not None
                    outcome = Accepted("250 suppressed")  # as others at this time
                    self.delivery._settle(self.database, mail, request, outcome)  # noqa: SLF001
                if mail.kind == "confirm_mail" and petition.state is State.MAIL_QUEUED:
                    petition.move(State.MAIL_SENT)
        return taken

    def _hand_over(
        self, draft: tuple[Mail, Draft], outcome: Outcome | None
    ) -> tuple[Petition, str] | None:
        """The link that comes to somebody by it."""
        mail, prepared = draft
        petition = self.known[mail.request_id]
        kept = outbox.get(self.database, mail.id)
        assert kept is not None
        if outcome is not None:
            with self.database.transaction():
                self.delivery._settle(self.database, mail, prepared.request, outcome)  # noqa: SLF001
            settled = outbox.get(self.database, mail.id)
            assert settled is not None
            asks = mail.kind == "confirm_mail" and petition.state is State.MAIL_QUEUED
            if asks and kept.state == "queued" and settled.state == "sent":
                petition.move(State.MAIL_SENT)
            if asks and kept.state == "queued" and settled.state == "failed":
                petition.move(State.MAIL_FAILED)
        if prepared.token and not isinstance(outcome, Deferred):
            return petition, prepared.token  # a mail may come though its server says no
        return None

    # Time, and what is listed again

    def _expire(self) -> None:
        with self.database.transaction():
            expiry.end_overdue(self.database, self.now)
        for petition in self.known.values():
            may_expire = petition.state in WAITING | {State.COOLDOWN}
            if may_expire and petition.expires_at <= self.now:
                petition.move(State.EXPIRED)
        self._watch()

    def _watch(self) -> None:
        """What is listed again ends a delisting, and relists its request; none stays open.

        But for one whose exclusion has had its time, until somebody looks at that.
        """
        ended = self._ended()
        while (batch := news.look(self.database, BATCH_ROWS, self.now)) is not None:
            with self.database.transaction():
                news.take(self.database, batch, lambda *_: True, self.now)
        self._relist(ended)
        if self.database.row("SELECT 1 FROM exclusions WHERE expires_at <= ?", self.now):
            return
        for row in self.database.rows("SELECT zone, network, category FROM delistings"):
            assert not relapse.is_over(self.database, tuple(row), self.now)

    def _ended(self) -> dict[int, int]:
        """The requests of delistings that are over: relapsed, or lapsed."""
        rows = self.database.rows(
            "SELECT id, request_id FROM delistings "
            "WHERE relisted_at IS NOT NULL OR lapsed_at IS NOT NULL"
        )
        return {row["id"]: row["request_id"] for row in rows}

    def _relist(self, before: dict[int, int], by: Petition | None = None) -> None:
        """Those that ended meanwhile relist their requests; one that is decided about goes on."""
        ended = self._ended()
        for request_id in {ended[each] for each in ended.keys() - before}:
            petition = self.known[request_id]
            if petition.state is State.DELISTED and petition is not by:
                petition.move(State.RELISTED)
