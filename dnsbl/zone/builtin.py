"""The entries that every list has, by which it is told to be alive (RFC 5782 §5)."""

from __future__ import annotations

from typing import Final

from dnsbl.config import ZoneConfig
from dnsbl.name import Name
from dnsbl.network import IPV4, Network
from dnsbl.subject import Subject
from dnsbl.verdict import Entry

NEVER_LISTED: Final[frozenset[Subject]] = frozenset(
    {Network(IPV4, 0x7F00_0001, 32), Name("invalid", "exact")}
)
_TEST_ADDRESS: Final = Network(IPV4, 0x7F00_0002, 32)
_TEST_NAME: Final = Name("test", "exact")


def test_entries(config: ZoneConfig) -> dict[Subject, dict[str, Entry]]:
    """What is listed in a zone whatever its data says, by category.

    Of addresses 127.0.0.2, and one for each value that is answered; where no
    category answers 127.0.0.2, that address is listed in all of them. Of names,
    "test" in all of them.
    """
    tests: dict[Subject, dict[str, Entry]] = {}

    def add(subject: Subject, category: str) -> None:
        entry = Entry(subject, category, excludes=False, expires_at=None)
        tests.setdefault(subject, {})[category] = entry

    if config.lists == "names":
        for category in config.categories:
            add(_TEST_NAME, category.name)
        return tests
    for category in config.categories:
        add(Network(IPV4, int(category.answer), 32), category.name)
    if _TEST_ADDRESS not in tests:
        for category in config.categories:
            add(_TEST_ADDRESS, category.name)
    return tests
