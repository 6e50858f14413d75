"""One who is on a list, asks to be taken off, and comes back: for tests of what that means."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from api.expiry import end_overdue
from dnsbl.config import Config
from dnsbl.delist.case import Case, Proof, cases
from dnsbl.delist.conclusion import conclude
from dnsbl.delist.decision import Decision, Outcome, strictest
from dnsbl.delist.findings import find
from dnsbl.delist.policy import policy
from dnsbl.network import parse, parse_address
from dnsbl.store import audit, delistings, listings, news, requests
from dnsbl.store.audit import Act
from dnsbl.store.database import Database
from dnsbl.store.delistings import Delisting
from dnsbl.store.listings import Listing
from dnsbl.store.request_states import State
from dnsbl.store.requests import NewRequest

START = 1_800_000_000
HOUR_S = 3600
DAY_S = 86_400
GRACE_S = 7 * DAY_S
ZONE = "bl.example"

EXACT = [
    ("192.0.2.7/32", "192.0.2.7"),
    ("2001:db8:7::25/128", "2001:db8:7::25"),
    ("2001:db8:7:1::/64", "2001:db8:7:1::25"),
]
WIDE = [("198.51.100.0/24", "198.51.100.7"), ("2001:db8:9::/48", "2001:db8:9:1::25")]


class World:
    """A list, a clock, and one who is on the list."""

    def __init__(self, database: Database, config: Config, network: str, address: str) -> None:
        self.database = database
        self.config = config
        self.network = network
        self.address = address
        self.now = START
        self._hashes = itertools.count()
        self.list(network)
        self.watch()

    def list(self, network: str) -> None:
        """As `dnsbl add` does, which says so in the audit."""
        standing = listings.get(self.database, ZONE, parse(network), "spam")
        made = Listing(ZONE, parse(network), "spam", f"seen {self.now}", listed_at=self.now)
        if standing is not None:
            made = replace(made, listed_at=standing.listed_at)
        listings.add(self.database, made)
        act = "listing.added" if standing is None else "listing.changed"
        audit.record(self.database, [Act(self.now, "cli:jo", act, ZONE, network, "spam")])

    def feed(self, network: str) -> None:
        """As `dnsbl import` does, which says nothing of one row."""
        row = Listing(
            ZONE, parse(network), "spam", "on the feed", "feed",
            listed_at=self.now, expires_at=self.now + 100 * DAY_S,
        )  # fmt: skip
        with self.database.transaction():
            list(listings.add_many(self.database, [row]))

    def wait(self, seconds: int, *, watched: bool = True) -> None:
        """Time passes; the sidecar takes away what has had its time, and follows the journal."""
        self.now += seconds
        if watched:
            with self.database.transaction():
                end_overdue(self.database, self.now)
            self.watch()

    def watch(self) -> None:
        while (batch := news.look(self.database, 100, self.now)) is not None:
            with self.database.transaction():
                assert news.take(self.database, batch, lambda *_: True, self.now) is not None

    def ask(self) -> int:
        """A request whose mail has come."""
        new = NewRequest(
            next(self._hashes).to_bytes(32), self.address, "me@mail.example", "me@mail.example",
            "mail.example", "198.51.100.1/32", "en", self.now, self.now + DAY_S,
        )  # fmt: skip
        request_id = requests.create(self.database, new)
        for state in (State.MAIL_QUEUED, State.MAIL_SENT):
            requests.move(self.database, request_id, state, actor="test", now=self.now)
        return request_id

    def case(self, request_id: int) -> Case:
        request = requests.get(self.database, request_id)
        assert request is not None
        findings = find(self.database, self.config, parse_address(self.address), self.now)
        (made,) = cases(self.database, request, findings, Proof(3), self.now)
        return made

    def press(self, request_id: int) -> Decision:
        """What the policy says, carried out."""
        case = self.case(request_id)
        decision = strictest(policy(case, self.config.zones[0].categories[0]))
        with self.database.transaction():
            request = requests.get(self.database, request_id)
            if request is not None and request.confirmed_at is None:
                requests.move(
                    self.database, request_id, State.CONFIRMED, actor="test", now=self.now
                )
            conclude(
                self.database, self.config, request_id, {case.key: decision}, actor="test",
                now=self.now,
            )  # fmt: skip
        self.watch()
        return decision

    def approve(self) -> int:
        """A request that an operator decides about, before anything else looks; its id."""
        request_id = self.ask()
        case = self.case(request_id)
        requests.move(self.database, request_id, State.CONFIRMED, actor="test", now=self.now)
        with self.database.transaction():
            conclude(
                self.database, self.config, request_id,
                {case.key: Decision(Outcome.ACCEPT, "operator")}, actor="operator:jo", now=self.now,
            )  # fmt: skip
        return request_id

    def delist(self) -> int:
        """By a request that goes at once."""
        request_id = self.ask()
        assert self.press(request_id).outcome is Outcome.ACCEPT
        assert not self.is_listed
        return request_id

    @property
    def is_listed(self) -> bool:
        return bool(find(self.database, self.config, parse_address(self.address), self.now))

    @property
    def rows(self) -> list[Delisting]:
        return delistings.of_address(self.database, parse_address(self.address), 99)

    @property
    def relisted(self) -> list[tuple[str, str, str, int]]:
        """The events of it: subject, the network that is listed, why, by which request."""
        rows = self.database.rows(
            "SELECT * FROM events WHERE kind = 'listing.relisted' ORDER BY id"
        )
        return [(row["subject"], row["network"], row["reason"], row["request_id"]) for row in rows]

    def state(self, request_id: int) -> State:
        request = requests.get(self.database, request_id)
        assert request is not None
        return request.state


def shapes(*groups: list[tuple[str, str]]) -> pytest.MarkDecorator:
    """Runs a test with a world of each shape."""
    found = [shape for group in groups for shape in group]
    return pytest.mark.parametrize(
        "world", found, indirect=True, ids=[f"{address} in {net}" for net, address in found]
    )
