"""An event as hooks are told it: thin JSON of the same shape for every transport."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from api.hooks.message import Message
from dnsbl.errors import DnsblError
from dnsbl.network import Network
from dnsbl.store import requests
from dnsbl.store.database import Database
from dnsbl.store.deliveries import Delivery
from dnsbl.store.events import Event
from dnsbl.store.hooks import TEST_EVENT
from dnsbl.subject import parse_canonical


def compose(database: Database, delivery: Delivery, *, mailbox: bool) -> Message:
    """The message of a delivery, with the mailbox of its request where the hook asks for it."""
    event = delivery.event
    is_test = event.kind == TEST_EVENT  # its reason is the kind that is tried out
    data: dict[str, object] = {
        "id": event.id,
        "subject": event.subject,
        **_parts(event),
        "zone": event.zone or None,
        "category": event.category or None,
        "reason": "" if is_test else event.reason,
        "request_id": event.request_id,
    }
    if is_test:
        data["test"] = True
    if mailbox and event.kind.startswith("delist."):
        data["mailbox"] = _mailbox(database, event)
    body = {
        "type": event.reason if is_test else event.kind,
        "timestamp": datetime.fromtimestamp(event.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "data": data,
    }
    return Message(event.uid, event.at, json.dumps(body).encode(), delivery.attempts + 1)


def _parts(event: Event) -> dict[str, str | None]:
    """What the subject is: a name; a network, and the address where it is just one.

    The network is that of the listing; a request as a whole is about none in particular.
    """
    subject = event.subject
    try:
        parsed = parse_canonical(subject)
    except DnsblError:  # another client wrote what cannot be served
        return {}
    if not isinstance(parsed, Network):
        return {"name": subject}
    of_request = event.kind.startswith("delist.") and not event.zone
    parts: dict[str, str | None] = {"network": None if of_request else event.network or subject}
    if parsed.is_address:
        parts["address"] = parsed.address_text
    return parts


def _mailbox(database: Database, event: Event) -> str | None:
    request = None if event.request_id is None else requests.get(database, event.request_id)
    if request is None or request.mailbox == requests.FORGOTTEN:
        return None
    return request.mailbox
