"""The first page: is the address listed, why, and what can be done about it now."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from aiohttp import web

from api.client_address import client_network
from api.language import Sentence, SentenceError
from api.negotiation import choose
from api.portal import domain
from api.portal.outlook import Outlook, Outlooks, hinted, of_visitor, only_asks
from api.services import SERVICES, Services
from dnsbl.config import Config, ZoneConfig
from dnsbl.delist.findings import (
    Finding,
    find,
    find_good,
    is_test_entry,
    last_changes,
)
from dnsbl.network import Network, NetworkError, parse_address
from dnsbl.store.database import Database

FORM_PURPOSE = "request"
_FIELD_CHARS_MAX = 320  # of what is shown again in a field
_SHOWN_CHARS_MAX = 60  # and in a sentence


@dataclass(frozen=True, slots=True)
class Look:
    """What is known of an address. ``changed_at`` stands beside each finding, None if unknown.

    ``good`` are the findings of lists of the good, which block nothing.
    ``outlooks`` are what a request would meet, by zone and category.
    """

    address: Network
    findings: list[tuple[Finding, int | None]]
    is_test_entry: bool
    good: list[Finding] = field(default_factory=list)
    outlooks: Outlooks = field(default_factory=dict)

    def outlook(self, finding: Finding) -> Outlook:
        """What a request would meet there."""
        return self.outlooks[finding.zone.origin, finding.category.name]

    @property
    def asks_operator(self) -> bool:
        """Whether a request for the address can do no more than ask an operator."""
        return only_asks(self.outlooks)

    @property
    def zones(self) -> list[ZoneConfig]:
        """The zones that list the address, each once."""
        return list(dict.fromkeys(finding.zone for finding, _ in self.findings))

    @property
    def ways(self) -> set[str]:
        """How the listings may be delisted: some of "self", "review", "never"."""
        return {finding.category.delist for finding, _ in self.findings}


class AddressError(SentenceError):
    """A text that is not an IP address."""


@dataclass(frozen=True, slots=True)
class Filled:
    """The form as it is shown: what stands in its fields, and what is wrong with them.

    ``errors`` are by field; "form" is the whole of it, "look_up" the form that only looks.
    """

    ip: str = ""
    email: str = ""
    errors: dict[str, Sentence] = field(default_factory=dict)


def parse_ip_field(text: str) -> Network:
    """The address of a form field, also as it stands in a bounce: [192.0.2.1].

    Raises AddressError with a sentence for the visitor.
    """
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    if not text:
        raise AddressError(Sentence("Please enter the IP address that the error names."))
    try:
        return parse_address(text)
    except NetworkError:
        raise AddressError(
            Sentence(
                "%(text)s is not an IP address; write one such as 192.0.2.1 or 2001:db8::1.",
                text=_shortened(text),
            )
        ) from None


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS_MAX else f"{text[:_SHOWN_CHARS_MAX]}…"


async def page(request: web.Request) -> web.Response:
    """`GET /`, with `?ip=` prefilled and looked up; a domain name too, where names are listed.

    The form that only looks has a field of another name, so that one field of a page is `ip`.
    """
    services = request.app[SERVICES]
    ip = request.query.get("ip") or request.query.get("address", "")
    if not ip.strip():
        return form_page(services, request, Filled())
    try:
        address = parse_ip_field(ip)
    except AddressError as error:
        sentence = error.sentence
        if domain.are_served(services.config):
            if (name := domain.parse_domain(ip)) is not None:
                return await domain.page(request, name)
            sentence = Sentence(
                "%(text)s is neither an IP address nor a domain name; write one such as 192.0.2.1, "
                "2001:db8::1 or spammer.example.",
                text=_shortened(ip.strip()),
            )
        filled = Filled(ip, errors={"look_up": sentence})
        return form_page(services, request, filled, status=400)
    look = await services.truth.read(look_up, services.config, address, services.now())
    client = client_network(request, services.config.portal.trusted_proxies)
    outlooks = await hinted(look.outlooks, address, client, services.resolver)
    look = replace(look, outlooks=outlooks)
    return form_page(services, request, Filled(address.text), look)


def look_up(database: Database, config: Config, address: Network, now: float) -> Look:
    """Everything that the page tells of an address."""
    changed = last_changes(database, address)
    findings: list[tuple[Finding, int | None]] = []
    for finding in find(database, config, address, now):
        listing = finding.listing
        key = (listing.zone, str(listing.network), listing.category)
        findings.append((finding, changed.get(key)))
    return Look(
        address, findings, is_test_entry(config, address),
        find_good(database, config, address, now),
        of_visitor(database, [finding for finding, _ in findings], address, int(now)),
    )  # fmt: skip


def form_page(
    services: Services,
    request: web.Request,
    filled: Filled,
    look: Look | None = None,
    *,
    status: int = 200,
) -> web.Response:
    """The form, with what is known of an address above it, or else one that only looks."""
    client = client_network(request, services.config.portal.trusted_proxies)
    return services.pages.page(
        "lookup.html",
        {
            "ip": filled.ip[:_FIELD_CHARS_MAX],
            "email": filled.email[:_FIELD_CHARS_MAX],
            "errors": filled.errors,
            "look": look,
            "form_token": services.form_tokens.mint(FORM_PURPOSE, str(client)),
        },
        language=choose(request, services.config),
        status=status,
    )
