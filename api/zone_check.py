"""Asking the zone itself over DNS, as a mail server would, whether it still lists an address."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from dnsbl.config import CategoryConfig, Config, Endpoint, ZoneConfig
from dnsbl.network import Network

PATIENCE_S: Final = 1.0  # a change shows in DNS within 100 ms; beyond this something is wrong
ANSWER_WITHIN_S: Final = 0.3
PAUSE_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Checked:
    """What a zone said: `gone` once it no longer lists, None where it did not answer.

    ``categories`` are those that it was asked about; ``after_ms`` counts from
    the press of the button.
    """

    zone: ZoneConfig
    categories: tuple[str, ...]
    gone: bool | None
    after_ms: int


async def check(
    config: Config,
    address: Network,
    delisted: Iterable[tuple[ZoneConfig, CategoryConfig]],
    pressed_at: float,
) -> list[Checked]:
    """Asks each zone until it lists the address no longer under those categories, or PATIENCE_S.

    ``pressed_at`` is a reading of `time.monotonic`.
    """
    asked: dict[ZoneConfig, list[CategoryConfig]] = {}
    for zone, category in delisted:
        asked.setdefault(zone, []).append(category)
    server = _reachable(config.dns.listen[0])
    return list(
        await asyncio.gather(
            *(
                _check(server, address, zone, categories, pressed_at)
                for zone, categories in asked.items()
            )
        )
    )


async def _check(
    server: Endpoint,
    address: Network,
    zone: ZoneConfig,
    categories: Sequence[CategoryConfig],
    pressed_at: float,
) -> Checked:
    gone = {category.answer for category in categories}
    # One that wants a key would refuse us for as long as we asked.
    patience_s = 0 if zone.keys.mode == "required" else PATIENCE_S
    give_up_at = time.monotonic() + patience_s
    name = ".".join((*address.reverse_labels, zone.origin, ""))
    listed: bool | None = None
    while time.monotonic() < give_up_at:
        answer = await _ask(server, name)
        if answer is not None:
            listed = bool(answer & gone)
            if not listed:
                break
        await asyncio.sleep(PAUSE_S)
    after_ms = round((time.monotonic() - pressed_at) * 1000)
    names = tuple(category.name for category in categories)
    return Checked(zone, names, None if listed is None else not listed, after_ms)


async def _ask(server: Endpoint, name: str) -> set[ipaddress.IPv4Address] | None:
    """The A records of a name; None where the server did not answer, or could not."""
    question = dns.message.make_query(name, dns.rdatatype.A)
    try:
        reply = await dns.asyncquery.udp(
            question, server.address, timeout=ANSWER_WITHIN_S, port=server.port
        )
    except (dns.exception.DNSException, OSError):
        return None
    if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return None
    return {
        ipaddress.IPv4Address(record.to_text())
        for rrset in reply.answer
        if rrset.rdtype == dns.rdatatype.A
        for record in rrset
    }


def _reachable(endpoint: Endpoint) -> Endpoint:
    """Where to ask a server that listens there: a wildcard is reached over the loopback."""
    address = ipaddress.ip_address(endpoint.address)
    if address.is_unspecified:
        loopback = "127.0.0.1" if isinstance(address, ipaddress.IPv4Address) else "::1"
        return Endpoint(loopback, endpoint.port)
    return endpoint
