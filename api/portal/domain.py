"""The look-up of a domain name, in the lists of names: listed or not, why, and whom to write to.

Nobody takes a name off by a form: docs/decisions/0003 says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import idna
from aiohttp import web

from api.negotiation import choose
from api.services import SERVICES
from dnsbl.config import Config, ZoneConfig
from dnsbl.delist.findings import Finding, find_name, last_changes, zones_of_names
from dnsbl.name import DOMAIN_CHARS_MAX, DomainNameError, Name, parse_name
from dnsbl.store.database import Database
from dnsbl.subject import is_address_like

_TEST_ENTRY: Final = "test"  # RFC 5782 §5


@dataclass(frozen=True, slots=True)
class NameLook:
    """What is known of a name. ``changed_at`` stands beside each finding, None if unknown.

    ``good`` are the findings of lists of the good, which block nothing.
    """

    name: Name
    findings: list[tuple[Finding, int | None]]
    good: list[Finding]

    @property
    def is_test_entry(self) -> bool:
        """Whether every list of names lists it always, for tests."""
        return self.name.domain == _TEST_ENTRY

    @property
    def zones(self) -> list[ZoneConfig]:
        """The zones that list the name, each once."""
        return list(dict.fromkeys(finding.zone for finding, _ in self.findings))


def are_served(config: Config) -> bool:
    """Whether any zone lists names."""
    return bool(zones_of_names(config, "bad") or zones_of_names(config, "good"))


def parse_domain(text: str) -> Name | None:
    """The one name that a text is, an international one in its A-labels; None where it is none.

    Whatever is longer than a name may be is none, and is not looked at further.
    """
    text = text.strip()
    if len(text) > DOMAIN_CHARS_MAX + 1 or is_address_like(text):
        return None
    try:
        if not text.isascii():
            text = idna.encode(text, uts46=True).decode("ascii")
        name = parse_name(text)
    except (UnicodeError, DomainNameError):  # idna.IDNAError is a UnicodeError
        return None
    return name if name.is_exact else None


def look_up(database: Database, config: Config, name: Name, now: float) -> NameLook:
    """Everything that the page tells of a name."""
    changed = last_changes(database, name)
    return NameLook(
        name,
        [
            (
                found,
                changed.get((found.zone.origin, str(found.listing.network), found.category.name)),
            )
            for found in find_name(database, config, name, "bad", now)
        ],
        find_name(database, config, name, "good", now),
    )


async def page(request: web.Request, name: Name) -> web.Response:
    """`GET /?ip=` with a domain name."""
    services = request.app[SERVICES]
    look = await services.truth.read(look_up, services.config, name, services.now())
    return services.pages.page(
        "name.html", {"look": look}, language=choose(request, services.config)
    )
