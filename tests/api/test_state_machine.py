"""Requests by the thousand ways that they can go: none is lost, stuck, or resolved twice.

Hypothesis calls what the pages, the delivery, the operators and the rounds call,
in any order, on a database; beside it stands a model of what each request has
come to. In the end time passes, and everything has to come to an end by itself
or wait for an operator.
"""

from __future__ import annotations

import itertools
import secrets
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from house import House, free_port
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from portal import START

from api import expiry, review
from api.mail.carrier import Accepted, Deferred, Outcome, Refused
from api.mail.delivery import Delivery
from api.mail.draft import Draft
from api.mail.file import FileCarrier
from api.metrics import Metrics
from api.pages import Pages
from api.portal import delisting
from api.portal.delisting import Standing, token_hash
from api.portal.request import accept
from api.truth import Truth
from dnsbl.config import Config
from dnsbl.delist import ruling
from dnsbl.delist.case import Case, Key, Proof
from dnsbl.delist.decision import Decision, strictest
from dnsbl.delist.decision import Outcome as Says
from dnsbl.delist.findings import find
from dnsbl.delist.policy import policy
from dnsbl.delist.ruling import Ruling, SettledError
from dnsbl.delivery_status import Action, Report
from dnsbl.network import parse, parse_address
from dnsbl.store import bounces, listings, news, outbox, relapse, requests
from dnsbl.store.database import Database, open_writer
from dnsbl.store.listings import Listing
from dnsbl.store.outbox import Mail
from dnsbl.store.request_items import ItemOutcome
from dnsbl.store.request_states import EVENTS, TRANSITIONS, State
from dnsbl.store.requests import COOLDOWN_OPEN_S, DAY_S, NewRequest

ZONE: Final = "bl.example"
POLICIES_TEXT: Final = """\
origin = "bl.example"
nameservers = ["ns1.bl.example"]
hostmaster = "hostmaster@bl.example"
[category.spam]
answer = "127.0.0.2"
text = "$"
[category.policy]
answer = "127.0.0.10"
text = "$"
delist = "review"
[category.hijacked]
answer = "127.0.0.9"
text = "$"
delist = "never"
[category.strict]
answer = "127.0.0.11"
text = "$"
grace_s = 0
"""
CATEGORIES: Final = ("spam", "policy", "hijacked", "strict")
ADDRESSES: Final = ("203.0.113.7", "203.0.113.8", "2001:db8:7::25")
NETWORKS: Final = (*ADDRESSES, "203.0.113.0/24", "2001:db8:7::/64", "2001:db8::/32")
MAILBOXES: Final = ("postmaster@sender.example", "abuse@sender.example")
HOOK: Final = "hook:judge"
MANY: Final = 1_000_000
BATCH_ROWS: Final = 3  # of the journal, so that the watch is often in the midst of a row

# What the hook says of each category: more often yes than anything else.
SAYS: Final = st.lists(
    st.sampled_from([*Says, Says.ACCEPT, Says.ACCEPT, Says.DEFER]),
    min_size=len(CATEGORIES), max_size=len(CATEGORIES),
)  # fmt: skip

WAITING: Final = frozenset({State.MAIL_QUEUED, State.MAIL_SENT})
OPEN: Final = WAITING | {State.MAIL_FAILED, State.COOLDOWN}
ENDS: Final = frozenset(
    {State.MAIL_FAILED, State.EXPIRED, State.CANCELLED, State.DELISTED, State.REFUSED,
     State.RELISTED}
)  # fmt: skip


@dataclass
class Link:
    """A link that a mail carries: whether it was used, and until when it is good."""

    used: bool
    expires_at: int


@dataclass
class Petition:
    """What the model knows of a request."""

    id: int
    address: str
    mailbox: str
    state: State
    expires_at: int
    way: list[State] = field(default_factory=lambda: [State.REQUESTED, State.MAIL_QUEUED])
    until: int | None = None
    items: dict[Key, tuple[ItemOutcome, int | None, str]] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    taken_off: Counter[Key] = field(default_factory=Counter)

    def move(self, to: State) -> None:
        self.state = to
        self.way.append(to)
        if to is not State.COOLDOWN:
            self.until = None

    def use_links(self) -> None:
        for link in self.links.values():
            link.used = True

    def standing(self, token: str, now: int) -> Standing:
        link = self.links[token]
        if link.used or self.state not in OPEN | {State.EXPIRED}:
            return Standing.USED
        if link.expires_at <= now or self.state is State.EXPIRED:
            return Standing.EXPIRED
        if self.until is not None and self.until > now:
            return Standing.WAITING
        return Standing.OPEN

    def note(
        self, decisions: dict[Key, Decision], before: set[Key], after: set[Key], now: int
    ) -> None:
        """What decisions come to, where these listings were there before, and those are now."""
        for key in sorted(before & decisions.keys()):
            decision = decisions[key]
            outcome, _, by = self.items.get(key, (None, None, ""))
            if outcome is ItemOutcome.REFUSED and by == "operator" and decision.rule != "operator":
                continue
            may_go = decision.outcome is Says.ACCEPT or (decision.until or MANY**2) <= now
            if may_go:
                self.taken_off.update({key} - after)
                came_to = ItemOutcome.REVIEW if key in after else ItemOutcome.DELISTED
                self.items[key] = (came_to, None, decision.rule)
            else:
                self.items[key] = {
                    Says.DEFER: (ItemOutcome.COOLDOWN, decision.until, decision.rule),
                    Says.REVIEW: (ItemOutcome.REVIEW, None, decision.rule),
                    Says.REFUSE: (ItemOutcome.REFUSED, None, decision.rule),
                }[decision.outcome]
        for key in self.items.keys() - after:
            self.items[key] = (ItemOutcome.DELISTED, None, "gone")
        outcomes = {outcome for outcome, _, _ in self.items.values()}
        if ItemOutcome.REVIEW in outcomes:
            self.move(State.REVIEW)
        elif ItemOutcome.COOLDOWN in outcomes:
            waits = [until for _, until, _ in self.items.values() if until is not None]
            self.move(State.COOLDOWN)
            self.until = min(waits)
            self.expires_at = max(now, *waits) + COOLDOWN_OPEN_S
            for link in self.links.values():
                if not link.used:
                    link.expires_at = max(link.expires_at, self.expires_at)
        elif ItemOutcome.REFUSED in outcomes and ItemOutcome.DELISTED not in outcomes:
            self.move(State.REFUSED)
        else:
            self.move(State.DELISTED)


@dataclass(frozen=True)
class Thought:
    """What was decided about a press of a button, and is to be carried out."""

    petition: Petition
    token: str
    cases: list[Case]
    decisions: dict[Key, Decision]
    now: int


class Ground:
    """A configuration and an empty database, made once."""

    def __init__(self, folder: Path) -> None:
        house = House(folder, free_port(), free_port())
        house.write_zone(POLICIES_TEXT)
        house.write_config()
        self.config: Config = house.config
        self.pages = Pages(self.config)
        self.empty = folder / "empty.sqlite3"
        with_watch = open_writer(self.empty)
        batch = news.look(with_watch, MANY, START)
        assert batch is not None
        with with_watch.transaction():
            news.take(with_watch, batch, lambda *_: True, START)
        with_watch.close()


class Requests(RuleBasedStateMachine):
    """Everything that happens to requests. `ground` is set by the test."""

    ground: Ground
    links = Bundle("links")
    drafts = Bundle("drafts")
    thoughts = Bundle("thoughts")

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

    # What lists an address

    @initialize(categories=st.lists(st.sampled_from(CATEGORIES), unique=True, min_size=1))
    def listed_from_the_start(self, categories: list[str]) -> None:
        """More than one thing lists the first address."""
        for category in categories:
            self._list(ADDRESSES[0], category)

    @rule(network=st.sampled_from(NETWORKS), category=st.sampled_from(CATEGORIES))
    def list_network(self, network: str, category: str) -> None:
        self._list(network, category)
        self._watch()

    @rule(network=st.sampled_from(NETWORKS), category=st.sampled_from(CATEGORIES))
    def remove(self, network: str, category: str) -> None:
        """An operator's `dnsbl remove`, or another client of the database."""
        with self.database.transaction():
            listings.remove(self.database, ZONE, parse(network), category)

    def _list(self, network: str, category: str) -> None:
        with self.database.transaction():
            listings.add(
                self.database,
                Listing(ZONE, parse(network), category, f"trap {self.now}", listed_at=self.now),
            )

    def _keys(self, address: str) -> set[Key]:
        found = find(self.database, self.config, parse_address(address), self.now)
        return {(each.zone.origin, each.category.name) for each in found}

    # A visitor

    @initialize(
        target=links, category=st.sampled_from(CATEGORIES), mailbox=st.sampled_from(MAILBOXES),
        count=st.integers(1, len(ADDRESSES)),
    )  # fmt: skip
    def asked_from_the_start(self, category: str, mailbox: str, count: int) -> Any:  # noqa: ANN401
        """So that no way is spent on coming to a link."""
        for address in ADDRESSES[:count]:
            self._list(address, category)
            self._request(address, mailbox, from_itself=False)
        return self._receive()

    @rule(
        target=links, category=st.sampled_from(CATEGORIES), address=st.sampled_from(ADDRESSES),
        mailbox=st.sampled_from(MAILBOXES),
    )  # fmt: skip
    def ask_and_receive(self, category: str, address: str, mailbox: str) -> Any:  # noqa: ANN401
        """A listed sender's usual way to a link."""
        self._list(address, category)
        self._watch()
        self._request(address, mailbox, from_itself=False)
        return self._receive()

    def _receive(self) -> Any:  # noqa: ANN401
        """The mail server takes what is due."""
        taken = self._take_up()
        arrived = [self._hand_over(draft, Accepted("250 OK")) for draft in taken]
        return multiple(*[each for each in arrived if each is not None])

    @rule(
        address=st.sampled_from(ADDRESSES), mailbox=st.sampled_from(MAILBOXES),
        from_itself=st.booleans(),
    )  # fmt: skip
    def request(self, address: str, mailbox: str, from_itself: bool) -> None:  # noqa: FBT001
        """Accepted, unless one for the address waits already, and from somebody else."""
        self._request(address, mailbox, from_itself=from_itself)

    def _request(self, address: str, mailbox: str, *, from_itself: bool) -> None:
        client = requests.network_text(address) if from_itself else "198.51.100.1/32"
        new = NewRequest(
            secrets.token_bytes(32), address, mailbox, mailbox, mailbox.rpartition("@")[2],
            client, "en", self.now, self.now + DAY_S,
        )  # fmt: skip
        is_pending = any(
            each.address == address and each.state in WAITING and each.expires_at > self.now
            for each in self.known.values()
        )
        limits = self.config.portal.limits
        with self.database.transaction():
            outcome = accept(self.database, limits, new, f"<{secrets.token_hex(8)}@bl.example>")
        if not isinstance(outcome, int):
            if outcome.rule == "pending":
                assert is_pending
            return
        assert from_itself or not is_pending
        made = Petition(outcome, address, mailbox, State.MAIL_QUEUED, self.now + DAY_S)
        self.known[outcome] = made

    @rule(
        target=thoughts, link=links,
        says=SAYS,
    )  # fmt: skip
    def think(self, link: tuple[Petition, str], says: list[Says]) -> Any:  # noqa: ANN401
        """The button is pressed; the policy and a hook decide, which takes its time."""
        return self._think(link, dict(zip(CATEGORIES, says, strict=True)))

    def _think(self, link: tuple[Petition, str], says: dict[str, Says]) -> Any:  # noqa: ANN401
        petition, token = link
        looked, cases = delisting.ask(
            self.database, self.config, token_hash(token), Proof(), self.now
        )
        assert looked.standing is petition.standing(token, self.now)
        zone = self.config.zone(ZONE)
        assert zone is not None
        decisions = {}
        for case in cases:
            category = zone.category(case.category)
            assert category is not None
            until = self.now + 3600 if says[case.category] is Says.DEFER else None
            hook = Decision(says[case.category], HOOK, until=until)
            decisions[case.key] = strictest([*policy(case, category), hook])
        return Thought(petition, token, cases, decisions, self.now)

    @rule(thought=thoughts)
    def carry_out(self, thought: Thought) -> None:
        """Perhaps long after, perhaps twice: what does not hold any more changes nothing."""
        self._carry_out(thought)

    @rule(
        link=links,
        says=SAYS,
    )
    def press(self, link: tuple[Petition, str], says: list[Says]) -> None:
        """Both at once."""
        self._carry_out(self._think(link, dict(zip(CATEGORIES, says, strict=True))))

    def _carry_out(self, thought: Thought) -> None:
        petition = thought.petition
        standing = petition.standing(thought.token, thought.now)
        found = find(self.database, self.config, parse_address(petition.address), thought.now)
        before = {(each.zone.origin, each.category.name) for each in found}
        ended = self._ended()
        with self.database.transaction():
            pressed = delisting.confirm(
                self.database, self.config, token_hash(thought.token), thought.cases,
                thought.decisions, thought.now,
            )  # fmt: skip
        assert pressed.standing is standing
        if standing is not Standing.OPEN:
            return
        if pressed.undecided:
            return
        assert before <= thought.decisions.keys()
        self._relist(ended, by=petition)
        petition.use_links()
        if petition.state is not State.COOLDOWN:
            petition.move(State.CONFIRMED)
        found = find(self.database, self.config, parse_address(petition.address), thought.now)
        after = {(each.zone.origin, each.category.name) for each in found}
        waits = self._note(petition, thought.decisions, before, after, thought.now)
        if waits:
            expires_at = max(waits) + COOLDOWN_OPEN_S
            if petition.state is State.COOLDOWN:
                expires_at = max(expires_at, petition.expires_at)
            petition.links[thought.token] = Link(used=False, expires_at=expires_at)

    def _note(
        self, petition: Petition, decisions: dict[Key, Decision], before: set[Key],
        after: set[Key], now: int,
    ) -> list[int]:  # fmt: skip
        petition.note(decisions, before, after, now)
        return [until for _, until, _ in petition.items.values() if until is not None]

    @rule(link=links)
    def cancel(self, link: tuple[Petition, str]) -> None:
        """It was not me."""
        petition, token = link
        standing = petition.standing(token, self.now)
        with self.database.transaction():
            pressed = delisting.cancel(self.database, self.config, token_hash(token), self.now)
        assert pressed.standing in (standing, Standing.OPEN)
        if standing in (Standing.OPEN, Standing.WAITING):
            petition.use_links()
            petition.move(State.CANCELLED)
            self.suppressed.add(petition.mailbox)

    # Mail

    @rule(target=drafts)
    def take_up(self) -> Any:  # noqa: ANN401
        """The delivery composes what is due; killed here, it does so again."""
        return multiple(*self._take_up())

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

    @rule(
        target=links, draft=drafts,
        outcome=st.sampled_from(
            [Accepted("250 OK"), Deferred("450 later"), Refused("550 no"), None]
        ),
    )  # fmt: skip
    def hand_over(self, draft: tuple[Mail, Draft], outcome: Outcome | None) -> Any:  # noqa: ANN401
        """The server takes the mail or does not; None: it does, and we never hear of it."""
        arrived = self._hand_over(draft, outcome)
        return multiple() if arrived is None else arrived

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

    @rule(link=links, action=st.sampled_from(Action))
    def bounce(self, link: tuple[Petition, str], action: Action) -> None:
        """A report of the mail, before or after whatever else happened."""
        petition, _ = link
        mail = outbox.of_request(self.database, petition.id)
        assert mail is not None
        report = Report(action, f"550 report {len(petition.way)} {self.now}")
        noted = bounces.note(self.database, mail.id, report, now=self.now)
        if action is Action.FAILED and petition.state in WAITING:
            assert noted is bounces.Noted.FAILED
            petition.move(State.MAIL_FAILED)

    # Operators, and time

    @rule(link=links, approves=st.booleans(), waiting_too=st.booleans())
    def decide(self, link: tuple[Petition, str], approves: bool, waiting_too: bool) -> None:  # noqa: FBT001
        """By the page or the command line; whoever comes too late changes nothing."""
        self._decide(link[0], Ruling(approves, "because", waiting_too=waiting_too))

    def _decide(self, petition: Petition, made: Ruling) -> None:
        meant = {ItemOutcome.REVIEW} | ({ItemOutcome.COOLDOWN} if made.waiting_too else set())
        asked = {key for key, (outcome, _, _) in petition.items.items() if outcome in meant}
        is_open = petition.state in (State.REVIEW, State.COOLDOWN) and bool(asked)
        before, ended = self._keys(petition.address), self._ended()
        try:
            with self.database.transaction():
                ruling.rule(
                    self.database, self.config, petition.id, made, actor="operator:anna",
                    now=self.now,
                )  # fmt: skip
        except SettledError:
            assert not is_open
            return
        assert is_open
        self._relist(ended, by=petition)
        decisions = dict.fromkeys(asked, made.decision)
        self._note(petition, decisions, before, self._keys(petition.address), self.now)

    @rule()
    def look_at_reviews(self) -> None:
        """What lists an address no more needs no operator."""
        ids = [each.id for each in requests.in_review(self.database, 0, MANY)]
        settled = review._look(self.database, self.config, 0, None, self.now)  # noqa: SLF001
        assert settled is not None
        with self.database.transaction():
            review.end_settled(self.database, self.config, settled.settled, self.now)
        for petition in (self.known[each] for each in ids):
            present = self._keys(petition.address)
            asked = {
                key
                for key, (outcome, _, _) in petition.items.items()
                if outcome is ItemOutcome.REVIEW
            }
            assert (petition.id in settled.settled) == asked.isdisjoint(present)
            if petition.id in settled.settled:
                self._note(petition, {}, present, present, self.now)

    @rule(
        seconds=st.sampled_from([60, 3600, 3600, 3600, 7200, 7200, 2 * DAY_S, 9 * DAY_S]),
        is_looked_at=st.booleans(),
    )
    def wait(self, seconds: int, is_looked_at: bool) -> None:  # noqa: FBT001
        """Time passes; what has had its time ends, whenever that is looked at."""
        self.now += seconds
        if is_looked_at:
            self._expire()

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

    # What always holds

    @invariant()
    def states_are_those_of_the_model(self) -> None:
        """None is lost; each is where the model has it, with what was decided about it."""
        rows = self.database.rows("SELECT id, state FROM delist_requests")
        assert {row["id"]: row["state"] for row in rows} == {
            each.id: str(each.state) for each in self.known.values()
        }
        items: dict[int, dict[Key, tuple[str, int | None]]] = {each: {} for each in self.known}
        for row in self.database.rows("SELECT * FROM request_items"):
            items[row["request_id"]][row["zone"], row["category"]] = (row["outcome"], row["until"])
        assert items == {
            each.id: {key: (str(out), until) for key, (out, until, _) in each.items.items()}
            for each in self.known.values()
        }

    @invariant()
    def each_transition_has_its_line_and_its_event(self) -> None:
        """By the table, in the order in which they happened, each once."""
        ways: dict[int, list[State]] = {each: [] for each in self.known}
        for row in self.database.rows(
            "SELECT request_id, act FROM audit WHERE act LIKE 'request.%' ORDER BY id"
        ):
            ways[row["request_id"]].append(State(row["act"].removeprefix("request.")))
        told: dict[int, Counter[str]] = {each: Counter() for each in self.known}
        for row in self.database.rows(
            "SELECT request_id, kind FROM events WHERE kind LIKE 'delist.%'"
        ):
            told[row["request_id"]][row["kind"]] += 1
        for petition in self.known.values():
            way = ways[petition.id]
            assert way == petition.way
            for before, after in itertools.pairwise(way):
                assert after in TRANSITIONS[before], (before, after)
            for state in State:
                kind = EVENTS.get(state)
                if kind is None:
                    continue
                if state in (State.DELISTED, State.REVIEW, State.REFUSED):  # told by listing
                    assert (state not in way) or told[petition.id][kind] >= 1
                else:
                    assert told[petition.id][kind] == way.count(state)

    @invariant()
    def mails_fit_states(self) -> None:
        """A request that waits has its mail queued or sent; one that ended sends none that asks."""
        fits = {
            State.MAIL_QUEUED: {"queued"}, State.MAIL_SENT: {"sent"},
            State.COOLDOWN: {"queued", "sent", "failed"},  # one that reminds comes later
        }  # fmt: skip
        for petition in self.known.values():
            mail = outbox.of_request(self.database, petition.id)
            assert mail is not None
            if petition.expires_at <= self.now:
                continue  # its end is due, and its mail may have been given up before it
            assert mail.state in fits.get(petition.state, {"sent", "failed"})

    @invariant()
    def nothing_is_resolved_twice(self) -> None:
        """As many delistings as were decided, each of a request; links are used at most once."""
        rows = self.database.rows(
            "SELECT request_id, zone, category, count(*) AS n FROM delistings "
            "GROUP BY request_id, zone, category"
        )
        found = {(row["request_id"], (row["zone"], row["category"])): row["n"] for row in rows}
        assert found == {
            (each.id, key): count
            for each in self.known.values()
            for key, count in each.taken_off.items()
        }
        good = {
            (row["request_id"], bytes(row["token_hash"]), row["expires_at"])
            for row in self.database.rows("SELECT * FROM delist_tokens WHERE used_at IS NULL")
        }
        assert good == {
            (each.id, token_hash(token), link.expires_at)
            for each in self.known.values()
            for token, link in each.links.items()
            if not link.used
        }

    def teardown(self) -> None:
        """Time passes, and operators do their work: everything comes to its end."""
        try:
            self._run_out()
        finally:
            self.database.close()
            self._folder.cleanup()

    def _run_out(self) -> None:
        for _ in range(3):
            for draft in self._take_up():
                self._hand_over(draft, Accepted("250 OK"))
            self.now += 100 * DAY_S
            self._expire()
        for petition in self.known.values():
            assert petition.state in ENDS | {State.REVIEW}, petition
        for petition in self.known.values():
            if petition.state is State.REVIEW:
                self._decide(petition, Ruling(approves=True, waiting_too=True))
        for draft in self._take_up():
            self._hand_over(draft, Accepted("250 OK"))
        self.states_are_those_of_the_model()
        self.each_transition_has_its_line_and_its_event()
        self.nothing_is_resolved_twice()
        for petition in self.known.values():
            assert petition.state in ENDS, petition
        depths = outbox.depths(self.database, self.now)
        assert depths["queued"] == depths["scheduled"] == 0


@pytest.mark.timeout(3600)
def test_requests_come_to_their_end_whatever_happens(tmp_path: Path) -> None:
    """None is lost, stuck or resolved twice, and all that happened can be read."""
    Requests.ground = Ground(tmp_path)

    run_state_machine_as_test(
        Requests,
        settings=settings(
            stateful_step_count=40, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
