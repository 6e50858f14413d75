"""Delist requests of tests, made as the portal makes them but for its pages."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from dnsbl.config import Config
from dnsbl.delist.case import Key
from dnsbl.delist.conclusion import conclude
from dnsbl.delist.decision import Decision, Outcome
from dnsbl.network import parse
from dnsbl.store import listings, outbox, requests
from dnsbl.store.database import Database
from dnsbl.store.listings import Listing
from dnsbl.store.request_states import State
from dnsbl.store.requests import NewRequest

ADDRESS = "203.0.113.7"
MAILBOX = "postmaster@sender.example"
ZONE = "bl.example"
ASK_AN_OPERATOR = Decision(Outcome.REVIEW, "review")


def confirmed(
    database: Database, *, now: int, address: str = ADDRESS, mailbox: str = MAILBOX,
    language: str = "en",
) -> int:  # fmt: skip
    """A request whose mail arrived and whose button was pressed; its number."""
    new = NewRequest(
        status_hash=secrets.token_bytes(32),
        address=address,
        mailbox=mailbox,
        mailbox_key=mailbox,
        mailbox_domain=mailbox.rpartition("@")[2],
        client="198.51.100.77/32",
        language=language,
        created_at=now,
        expires_at=now + 86_400,
    )
    with database.transaction():
        request_id = requests.create(database, new)
        requests.move(database, request_id, State.MAIL_QUEUED, actor="portal", now=now)
        outbox.queue(database, request_id, f"<{request_id}@bl.example>", now)
        mail = outbox.of_request(database, request_id)
        assert mail is not None
        outbox.settle(database, mail.id, "sent", "250 OK", now=now)
        requests.move(database, request_id, State.MAIL_SENT, actor="mail", now=now)
        requests.move(database, request_id, State.CONFIRMED, actor="portal", now=now)
    return request_id


def add(database: Database, network: str, category: str, *, now: int, zone: str = ZONE) -> None:
    """Lists a network, with all that a listing can say."""
    listing = Listing(
        zone, parse(network), category, "spam trap", source="trap 7", evidence="Received: from …",
        listed_at=now - 86_400,
    )  # fmt: skip
    listings.add(database, listing)


def in_review(
    database: Database, config: Config, *, now: int, address: str = ADDRESS,
    mailbox: str = MAILBOX, language: str = "en",
    decisions: Mapping[Key, Decision] | None = None,
) -> int:  # fmt: skip
    """A request about listings of the address that were decided about so; its number.

    Without decisions it is one of the category policy, with an operator.
    """
    decisions = decisions or {(ZONE, "policy"): ASK_AN_OPERATOR}
    for zone, category in decisions:
        add(database, address, category, now=now, zone=zone)
    request_id = confirmed(database, now=now, address=address, mailbox=mailbox, language=language)
    with database.transaction():
        conclude(database, config, request_id, decisions, actor="portal", now=now)
    return request_id
