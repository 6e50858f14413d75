"""How many requests are accepted, counted from the requests themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dnsbl.config import LimitsConfig
from dnsbl.network import parse, parse_address
from dnsbl.store import requests
from dnsbl.store.database import Database
from dnsbl.store.requests import DAY_S, HOUR_S, NewRequest

Rule = Literal["pending", "client", "mailbox", "domain", "address"]


@dataclass(frozen=True, slots=True)
class Reached:
    """A limit that a request would exceed: `most` in `window_s` seconds; good again at a time."""

    rule: Rule
    most: int
    window_s: int
    again_at: int


def reached(database: Database, limits: LimitsConfig, new: NewRequest) -> Reached | None:
    """The limit that stands in the way of a new request the longest, or None.

    An IPv6 address of a listed network counts as its /64, which is what a removal
    takes off. What others asked for an address is no limit to who asks from that
    very address: a stranger's requests cannot shut its owner out.
    """
    found: list[Reached] = []
    from_itself = parse(new.client).covers(parse_address(new.address))
    pending = requests.pending_for(database, new.address, new.created_at)
    if pending is not None and not from_itself:
        found.append(Reached("pending", 1, 0, pending.expires_at))
    counted = requests.counts(database, new)
    windows: tuple[tuple[Rule, requests.Shared, int, int, int], ...] = (
        ("client", "client", HOUR_S, limits.client_per_hour, counted.client_hour),
        ("client", "client", DAY_S, limits.client_per_day, counted.client_day),
        ("mailbox", "mailbox_key", HOUR_S, limits.mailbox_per_hour, counted.mailbox_hour),
        ("mailbox", "mailbox_key", DAY_S, limits.mailbox_per_day, counted.mailbox_day),
        ("domain", "mailbox_domain", HOUR_S, limits.domain_per_hour, counted.domain_hour),
        ("address", "subject", DAY_S, limits.address_per_day, counted.subject_day),
    )
    for rule, shared, window_s, most, count in windows:
        if count >= most and not (rule == "address" and from_itself):
            again_at = requests.below_again_at(database, new, shared, most, window_s)
            found.append(Reached(rule, most, window_s, again_at))
    return max(found, key=lambda limit: limit.again_at, default=None)
