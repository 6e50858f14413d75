"""What may happen to requests, in any order, and how everything comes to its end."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, multiple, rule

from api import review
from api.mail.carrier import Accepted, Deferred, Outcome, Refused
from api.mail.draft import Draft
from api.portal import delisting
from api.portal.delisting import Standing, token_hash
from api.portal.request import accept
from dnsbl.delist import ruling
from dnsbl.delist.case import Case, Key, Proof
from dnsbl.delist.decision import Decision, strictest
from dnsbl.delist.decision import Outcome as Says
from dnsbl.delist.findings import find
from dnsbl.delist.policy import policy
from dnsbl.delist.ruling import Ruling, SettledError
from dnsbl.delivery_status import Action, Report
from dnsbl.network import parse, parse_address
from dnsbl.store import bounces, listings, outbox, requests
from dnsbl.store.outbox import Mail
from dnsbl.store.request_items import ItemOutcome
from dnsbl.store.request_states import State
from dnsbl.store.requests import COOLDOWN_OPEN_S, DAY_S, NewRequest
from ways.ground import CATEGORIES, MANY, ZONE
from ways.petition import ENDS, WAITING, Link, Petition
from ways.promises import Promises

ADDRESSES: Final = ("203.0.113.7", "203.0.113.8", "2001:db8:7::25")
NETWORKS: Final = (*ADDRESSES, "203.0.113.0/24", "2001:db8:7::/64", "2001:db8::/32")
MAILBOXES: Final = ("postmaster@sender.example", "abuse@sender.example")
HOOK: Final = "hook:judge"

# What the hook says of each category: more often yes than anything else.
SAYS: Final = st.lists(
    st.sampled_from([*Says, Says.ACCEPT, Says.ACCEPT, Says.DEFER]),
    min_size=len(CATEGORIES), max_size=len(CATEGORIES),
)  # fmt: skip


@dataclass(frozen=True)
class Thought:
    """What was decided about a press of a button, and is to be carried out."""

    petition: Petition
    token: str
    cases: list[Case]
    decisions: dict[Key, Decision]
    now: int


class Requests(Promises):
    """Everything that happens to requests."""

    links = Bundle("links")
    drafts = Bundle("drafts")
    thoughts = Bundle("thoughts")

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
        mailbox=st.sampled_from(MAILBOXES), is_watched=st.booleans(),
    )  # fmt: skip
    def ask_and_receive(
        self,
        category: str,
        address: str,
        mailbox: str,
        is_watched: bool,  # noqa: FBT001
    ) -> Any:  # noqa: ANN401
        """A listed sender's usual way to a link, which may be faster than the watch."""
        self._list(address, category)
        if is_watched:
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

    # The end

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
