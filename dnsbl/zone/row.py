"""A row of the database as text, of those that `dnsbl.store.journal.chunks` makes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from dnsbl.errors import DnsblError
from dnsbl.subject import Subject
from dnsbl.verdict import EVERY_CATEGORY, Entry

TIME_DIGITS_MAX: Final = 12  # the database holds no time over 100,000,000,000


def read_row(
    row: bytes, categories: Collection[str], *, excludes: bool, parse: Callable[[str], Subject]
) -> Entry | None:
    """The entry of a row; None if it is no canonical subject, or of no category of those.

    ``parse`` is the reader of canonical networks or of canonical names. Octets
    that are no text read U+FFFD in a listing's own text, and spoil any other field.
    """
    try:
        subject, category, expires_at, text = row.split(b"\t")
        name = category.decode()
        if name not in categories and not (excludes and name == EVERY_CATEGORY):
            return None
        # bytes know no digits but those of ASCII
        if expires_at and not (expires_at.isdigit() and len(expires_at) <= TIME_DIGITS_MAX):
            return None
        at = int(expires_at) if expires_at else None
        return Entry(parse(subject.decode()), name, excludes, at, text.decode(errors="replace"))
    except (DnsblError, ValueError):
        return None
