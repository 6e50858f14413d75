"""What a set of covering entries says of an address: the one rule, in one place.

For each category, the most specific entry that covers the address or the name
decides: a listing lists, an exclusion does not. An exclusion of the very
network or name that is listed wins over the listing. What has expired decides nothing.

The DNS server applies the rule to its radix, the command line and the portal
to rows of the database.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from dnsbl.subject import Subject

EVERY_CATEGORY: Final = ""  # the category of an exclusion that holds for all of them


@dataclass(frozen=True, slots=True)
class Entry:
    """A listing or an exclusion, as far as it takes part in a decision.

    ``expires_at`` is in Unix seconds, or None for never. A listing has one
    category; an exclusion has one, or EVERY_CATEGORY. ``text`` is a listing's
    own TXT template, in place of its category's; "" is the category's.
    """

    network: Subject
    category: str
    excludes: bool
    expires_at: int | None
    text: str = ""

    def live(self, now: float) -> bool:
        """Whether the entry still counts; at its time of expiry it no longer does."""
        return self.expires_at is None or self.expires_at > now

    @property
    def precedence(self) -> tuple[int, bool]:
        """Sorts covering entries into the order in which they decide."""
        return (-self.network.length, not self.excludes)


def decide(entries: Iterable[Entry], now: float) -> dict[str, Entry]:
    """The listing that decides for each listed category.

    The entries all cover what is asked about, and come in the order of their
    precedence: the most specific first, exclusions before listings.
    """
    decided: dict[str, Entry] = {}
    for entry in entries:
        if not entry.live(now):
            continue
        if entry.excludes and entry.category == EVERY_CATEGORY:
            break  # whatever comes now is less specific
        decided.setdefault(entry.category, entry)
    return {category: entry for category, entry in decided.items() if not entry.excludes}
