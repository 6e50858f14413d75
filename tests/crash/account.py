"""What must hold in the end, whatever was killed and when: the first that does not, raises."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from typing import Any, Final

from crash.scenarios import Scenario
from crash.street import ZONE, Street
from dnsbl.delist.findings import find
from dnsbl.network import parse, parse_address
from dnsbl.store.database import open_reader
from dnsbl.store.request_states import EVENTS, TRANSITIONS, State

# A process that was killed may leave these behind in its log, and nothing else that is an error.
_BLOCKING: Final = ("crashed", "died", "unsettled", "delayed", "unreadable", "faulty")


def check(street: Street, scenario: Scenario) -> None:
    """All of it. The sidecar is up, and has nothing left to do."""
    _check_file(street)
    _check_log(street)
    _check_requests(street, scenario)
    _check_trail(street)
    _check_mails(street)
    _check_delistings(street, scenario)
    _check_told(street, "web", _told_by_http(street))
    _check_told(street, "log", _told_to_program(street))
    _check_counts(street)
    _check_links(street, scenario)


def _equal(found: object, expected: object, what: str) -> None:
    if found != expected:
        raise AssertionError(f"{what}: {found!r}, expected {expected!r}")


def _check_file(street: Street) -> None:
    _equal(street.rows("PRAGMA integrity_check"), [("ok",)], "the file")
    _equal(street.rows("PRAGMA foreign_key_check"), [], "rows whose request is gone")


def _check_log(street: Street) -> None:
    if not street.faults.exists():
        return
    for line in street.faults.read_text().splitlines():
        event = json.loads(line)
        if any(word in event["event"] for word in _BLOCKING):
            raise AssertionError(f"logged: {line}")


def _check_requests(street: Street, scenario: Scenario) -> None:
    """Every one that a visitor was led to is there, one came of all tries, and none is stuck."""
    kept = {row[0] for row in street.rows("SELECT status_hash FROM delist_requests")}
    for path in street.accepted:
        key = path.rpartition("/")[2]
        if hashlib.sha256(key.encode()).digest() not in kept:
            raise AssertionError(f"the request of {path} is lost")
        _equal(street.fetch(path).status, 200, f"the page {path}")
    states = [state for (state,) in street.rows("SELECT state FROM delist_requests")]
    _equal(set(states), {scenario.state}, "states of requests")
    # A request whose mail was refused holds no place: a visitor who did not get to see its page
    # makes another one.
    again = scenario.state == "mail_failed" and street.killed_at != ""
    _equal(len(states) in ((1, 2) if again else (1,)), True, f"{len(states)} requests")  # noqa: FBT003


def _check_trail(street: Street) -> None:
    """Each state was reached by the table, with its line in the audit, and told once."""
    for request_id, state in street.rows("SELECT id, state FROM delist_requests"):
        acts = street.rows(
            "SELECT act FROM audit WHERE request_id = ? AND act LIKE 'request.%' ORDER BY id",
            request_id,
        )
        way = [State(act.removeprefix("request.")) for (act,) in acts]
        _equal((way[0], way[-1]), (State.REQUESTED, State(state)), "the trail's ends")
        for before, after in itertools.pairwise(way):
            if after not in TRANSITIONS[before]:
                raise AssertionError(f"from {before} to {after}")
        _equal(len(set(way)), len(way), "states that were reached once")
        told = Counter(
            kind
            for (kind,) in street.rows(
                "SELECT kind FROM events WHERE request_id = ? AND kind LIKE 'delist.%'", request_id
            )
        )
        by_item = {"delist.completed", "delist.refused", "delist.review_needed"}
        _equal(
            {kind: count for kind, count in told.items() if kind not in by_item},
            {EVENTS[each]: 1 for each in way if EVENTS.get(each) not in {None, *by_item}},
            "events of states",
        )


def _check_mails(street: Street) -> None:
    """Each request has its mail, one more for each wait, and what counts as sent came; no other."""
    outbox = street.rows("SELECT message_id, state, kind FROM outbox")
    for request_id, waits in street.rows(
        "SELECT id, (SELECT count(*) FROM audit WHERE request_id = delist_requests.id "
        "AND act = 'request.cooldown') FROM delist_requests"
    ):
        _equal(
            street.rows(
                "SELECT count(*) FROM outbox WHERE request_id = ? AND kind = 'confirm_mail'",
                request_id,
            ),
            [(1 + waits,)], "mails of a request",
        )  # fmt: skip
    _equal(
        len(street.rows("SELECT 1 FROM audit WHERE act LIKE 'ruling.%'")),
        sum(kind == "decision_mail" for _, _, kind in outbox),
        "mails that tell of a ruling",
    )
    came = {mail["mail"] for mail in street.mails()}
    sent = {message_id for message_id, state, _ in outbox if state == "sent"}
    failed = {message_id for message_id, state, _ in outbox if state == "failed"}
    if sent - came:
        raise AssertionError(f"mails that never came: {sent - came}")
    if came - sent - failed:
        raise AssertionError(f"mails of nobody: {came - sent - failed}")


def _check_delistings(street: Street, scenario: Scenario) -> None:
    """Listing, exclusion, delisting, item, and the lines of the audit: all of it or nothing."""
    address = parse_address(scenario.address)
    with closing(open_reader(street.database)) as database:
        finds = find(database, street.config, address, street.slate.now)
    lists = {category for _, category in scenario.lists} - set(scenario.taken_off)
    _equal({finding.category.name for finding in finds}, lists, "what lists the address")
    off = sorted(scenario.taken_off)
    subject = str(address if address.family == 4 else address.widened(64))
    exact = sorted(
        category
        for network, category in scenario.lists
        if category in off and parse(network) in {address, parse(subject)}
    )
    for sql, expected, what in (
        ("SELECT category FROM request_items WHERE outcome = 'delisted'", off, "items"),
        ("SELECT category FROM request_items WHERE outcome <> 'delisted'", [], "open items"),
        ("SELECT category FROM delistings WHERE request_id > 0", off, "delistings"),
        ("SELECT category FROM exclusions WHERE grace = 1", off, "graces"),
        ("SELECT category FROM audit WHERE act = 'exclusion.added'", off, "graces in the audit"),
        ("SELECT category FROM audit WHERE act = 'listing.removed'", exact, "the audit"),
        ("SELECT category FROM events WHERE kind = 'delist.completed'", off, "what is told"),
        ("SELECT category FROM events WHERE kind = 'listing.removed'", exact, "listings told of"),
        ("SELECT category FROM events WHERE kind = 'exclusion.added'", off, "graces told of"),
    ):
        _equal(sorted(row[0] for row in street.rows(sql)), expected, what)
    subjects = {row[0] for row in street.rows("SELECT network FROM exclusions")}
    _equal(subjects, {subject} if off else set(), "what is excluded")
    kept = street.rows("SELECT network, category FROM listings")
    left = {
        (str(parse(network)), category)
        for network, category in scenario.lists
        if category not in exact
    }
    _equal(set(kept), left, "listings")
    _equal({row[0] for row in street.rows("SELECT zone FROM delistings")} - {ZONE}, set(), "zones")


def _told_by_http(street: Street) -> list[dict[str, Any]]:
    return [each["body"] | {"uid": each["told"]} for each in street.neighbourhood.taken.told]


def _told_to_program(street: Street) -> list[dict[str, Any]]:
    found = []
    for line in street.program_log.read_text().splitlines():
        uid, _, body = line.partition(" ")
        found.append(json.loads(body) | {"uid": uid})
    return found


def _check_told(street: Street, hook: str, messages: Sequence[dict[str, Any]]) -> None:
    """Each event came at least once, under its name; of each subject in order; nothing else."""
    expected: dict[str, list[str]] = {}
    for uid, subject in street.rows("SELECT uid, subject FROM events ORDER BY id"):
        expected.setdefault(subject, []).append(uid)
    came: dict[str, list[str]] = {}
    for message in messages:
        told = came.setdefault(message["data"]["subject"], [])
        if message["uid"] not in told:
            told.append(message["uid"])
    _equal(came, expected, f"what {hook} was told")
    _equal(
        street.rows("SELECT DISTINCT state FROM hook_deliveries WHERE hook = ?", hook),
        [("delivered",)], f"deliveries to {hook}",
    )  # fmt: skip


def _check_counts(street: Street) -> None:
    """What came and went is counted once."""
    [(removed,)] = street.rows(
        "SELECT count(*) FROM journal WHERE kind = 'listing' AND op = 'removed'"
    )
    [(counted,)] = street.rows("SELECT coalesce(sum(removed), 0) FROM daily_counts")
    _equal(counted, removed, "removals counted")


def _check_links(street: Street, scenario: Scenario) -> None:
    """Pressed again, each link that came changes nothing, where its request has ended."""
    if scenario.state == "mail_failed":
        return  # none came
    sql = "SELECT count(*), (SELECT count(*) FROM delistings) FROM audit"
    before = street.rows(sql)
    links = {link for mail in street.mails() for link in mail["links"]}
    for link in links:
        page = street.press(link)
        buttons = {text for form in page.forms for text in form.buttons}
        _equal(buttons & {"Delist IP", "This was not me"}, set(), f"what can be pressed at {link}")
    _equal(street.rows(sql), before, "lines in the audit, and delistings")
    _equal(
        street.rows("SELECT count(*) FROM delist_tokens WHERE used_at IS NULL"),
        [(0,)], "tokens that work",
    )  # fmt: skip
