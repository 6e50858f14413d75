"""A listing that a request asks to be rid of, as decisions are told of it."""

from __future__ import annotations

from typing import Any

from dnsbl.delist.case import Case

NOW = 1_800_000_000  # Unix seconds; 2027-01-15 08:00:00 UTC


def made(**values: Any) -> Case:  # noqa: ANN401  # any field
    """A case with these fields; the others are ordinary."""
    fields: dict[str, Any] = {
        "request_id": 7,
        "address": "203.0.113.7",
        "mailbox": "postmaster@sender.example",
        "client": "198.51.100.1/32",
        "language": "en",
        "zone": "bl.example",
        "category": "spam",
        "network": "203.0.113.7/32",
        "exact": True,
        "reason": "spam trap",
        "source": "feed",
        "listed_at": NOW - 86_400,
        "expires_at": None,
        "evidence_at": NOW - 3_600,
        "delistings": (NOW - 1_000_000,),
        "asked_at": NOW - 60,
        "confirmed_at": NOW,
        "proven": 1,
        "proof_domains": ("sender.example",),
        "now": NOW,
    }
    return Case(**(fields | values))
