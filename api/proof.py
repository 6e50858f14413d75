"""How far a request proves that its sender controls the listed address.

What proves it are a mailbox, whose owner followed the link in the mail, and the
network that the request came from; what ties them to the address is the DNS.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from api.resolver import Resolver, UnknownError
from api.suffixes import registered
from dnsbl.config import Config
from dnsbl.config.domain import parse_hostname
from dnsbl.delist.case import Case, Proof
from dnsbl.delist.policy import needed_proof
from dnsbl.network import Network, parse, parse_address

WITHIN_S: Final = 3.0
NAMES_MAX: Final = 10  # reverse names, of which some addresses have thousands
EXCHANGERS_MAX: Final = 10
TOLD_MAX: Final = 6  # domains that a page names
TOLD_CHARS_MAX: Final = 800  # so that a note of the request holds them

ANY_MAILBOX: Final = 0
OF_DOMAIN: Final = 1
OF_POSTMASTER: Final = 2
FROM_ADDRESS: Final = 3

# RFC 2142 §4, §5: who answers for a domain's mail, and for what is done with it
_POSTMASTERS: Final = frozenset({"postmaster", "abuse"})


@dataclass
class _Found:
    """What was found out so far: the confirmed reverse names, and whether mail goes to it."""

    names: set[str] = field(default_factory=set)
    takes_mail: bool = False


async def proven(cases: Sequence[Case], config: Config, resolver: Resolver | None) -> list[Case]:
    """The cases of one request with what it proves, looked up only if a category asks for it."""
    if not any(_asks(case, config) for case in cases):
        return list(cases)
    asked = cases[0]
    proof = await prove(parse_address(asked.address), asked.mailbox, parse(asked.client), resolver)
    return [replace(case, proven=proof.level, proof_domains=proof.domains) for case in cases]


def _asks(case: Case, config: Config) -> bool:
    zone = config.zone(case.zone)
    category = zone.category(case.category) if zone is not None else None
    return category is not None and bool(needed_proof(category, case.delistings, case.confirmed_at))


async def prove(
    address: Network, mailbox: str, client: Network, resolver: Resolver | None
) -> Proof:
    """The highest level that the mailbox and the client reach, and domains of the address.

    ``mailbox`` is as a request keeps it, "" where nobody has asked yet;
    ``client`` an IPv4 address or an IPv6 /64. Takes WITHIN_S at most: what is not
    known by then is not proven.
    """
    found = _Found()
    local, _, domain = mailbox.lower().rpartition("@")
    if resolver is not None and address.is_address:
        try:
            async with asyncio.timeout(WITHIN_S):
                await asyncio.gather(
                    _confirm_names(address, resolver, found),
                    _follow_mail(address, domain, resolver, found),
                )
        except TimeoutError:
            pass  # what was found in time counts
    domains = _domains(found.names)
    if client.covers(address):
        level = FROM_ADDRESS
    elif domain in domains and local in _POSTMASTERS:
        level = OF_POSTMASTER
    elif domain in domains or found.takes_mail:
        level = OF_DOMAIN
    else:
        level = ANY_MAILBOX
    return Proof(level, _told(domains))


async def _confirm_names(address: Network, resolver: Resolver, found: _Found) -> None:
    """Adds the reverse names of the address that have it in turn (FCrDNS; RFC 8601 §3)."""
    try:
        names = await resolver.names_of(address)
    except UnknownError:
        return

    async def confirm(name: str) -> None:
        if await _has(name, address, resolver):
            found.names.add(parse_hostname(name))

    await asyncio.gather(*(confirm(name) for name in names[:NAMES_MAX] if _is_hostname(name)))


async def _follow_mail(address: Network, domain: str, resolver: Resolver, found: _Found) -> None:
    """Notes that the domain's mail goes to the address, whichever of its MX hosts takes it.

    If one had other addresses only, the link in the mail could have been read there.
    RFC 5321 §5.1: a domain without MX records is its own host.
    """
    if not domain or registered(domain) is None:
        return
    try:
        hosts = await resolver.exchangers(domain) or (domain,)
    except UnknownError:
        return
    if len(hosts) > EXCHANGERS_MAX:
        return
    have = await asyncio.gather(*(_has(host, address, resolver) for host in hosts))
    found.takes_mail = all(have)


async def _has(name: str, address: Network, resolver: Resolver) -> bool:
    try:
        return address in await resolver.addresses(name, address.family)
    except UnknownError:
        return False


def _is_hostname(name: str) -> bool:
    try:
        return bool(parse_hostname(name))
    except ValueError:
        return False


def _domains(names: Iterable[str]) -> tuple[str, ...]:
    """The names and what they lie in, down to what was registered; the shortest first.

    A public suffix such as co.uk belongs to nobody, also where an address has it as its name.
    """
    domains: set[str] = set()
    for name in names:
        top = registered(name)
        while top is not None and name != top:
            domains.add(name)
            name = name.partition(".")[2]  # noqa: PLW2901  # its parent
        if top is not None:
            domains.add(top)
    return tuple(sorted(domains, key=lambda domain: (domain.count("."), domain)))


def _told(domains: Sequence[str]) -> tuple[str, ...]:
    """As many of them as a page names."""
    ends = itertools.accumulate(len(domain) + 1 for domain in domains[:TOLD_MAX])
    return tuple(
        domain for domain, end in zip(domains, ends, strict=False) if end <= TOLD_CHARS_MAX
    )
