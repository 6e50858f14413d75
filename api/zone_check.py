"""Whether a zone still lists an address: asked over DNS, as a mail server would ask.

A zone that answers only those with a key, or on its access list, is not asked: what it told
us would be no proof, whatever it was. The DNS process says by its status file
that it took the change in.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import ipaddress
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import dns.asyncquery
import dns.edns
import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from api.dns_status import read_status
from dnsbl.config import AccessConfig, CategoryConfig, Config, Endpoint, ZoneConfig
from dnsbl.network import Network, parse_address

PATIENCE_S: Final = 1.0  # a change shows in DNS within 100 ms; beyond this something is wrong
ANSWER_WITHIN_S: Final = 0.3
PAUSE_S: Final = 0.02
STATUS_PATIENCE_S: Final = 1.5  # the status file tells of a change within a second


class Heard(enum.StrEnum):
    """What is known of a zone after a removal: by its answer, or without asking it."""

    GONE = "gone"
    LISTED = "listed"  # still, after all patience
    SILENT = "silent"  # no answer, or none that says anything
    TAKEN_IN = "taken_in"  # not for us to ask; its process says that it has the change
    CLOSED = "closed"  # not for us to ask; nothing is known


@dataclass(frozen=True, slots=True)
class Checked:
    """What was heard of a zone about some of its categories; ``after_ms`` from the press on."""

    zone: ZoneConfig
    categories: tuple[str, ...]
    heard: Heard
    after_ms: int


@dataclass(frozen=True, slots=True)
class _Closed:
    """The answer of a server that answers others."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """Looks whether the DNS process has the journal up to the change; `now` gives Unix seconds."""

    config: Config
    seq: int
    now: Callable[[], float]

    async def wait(self) -> Heard:
        """TAKEN_IN as soon as it has, CLOSED after STATUS_PATIENCE_S."""
        give_up_at = time.monotonic() + STATUS_PATIENCE_S
        while True:
            status = await asyncio.to_thread(read_status, self.config.data.dns_status, self.now())
            if status.up and status.applied_seq >= self.seq:
                return Heard.TAKEN_IN
            if time.monotonic() >= give_up_at:
                return Heard.CLOSED
            await asyncio.sleep(PAUSE_S)


async def check(
    config: Config,
    address: Network,
    delisted: Iterable[tuple[ZoneConfig, CategoryConfig]],
    pressed_at: float,
    *,
    seq: int,
    now: Callable[[], float],
) -> list[Checked]:
    """Asks each zone until it lists the address no longer under those categories, or PATIENCE_S.

    ``pressed_at`` is a reading of `time.monotonic`; ``seq`` the journal's number
    of the removal; `now` gives Unix seconds.
    """
    asked: dict[ZoneConfig, list[CategoryConfig]] = {}
    for zone, category in delisted:
        asked.setdefault(zone, []).append(category)
    server = _reachable(config.dns.listen[0])
    ours = _source(server)
    taken = _Taken(config, seq, now)

    async def of(zone: ZoneConfig, categories: Sequence[CategoryConfig]) -> Checked:
        heard = None
        if _may_ask(config, zone, ours):
            heard = await _heard(server, address, zone, categories)
        if heard is None:
            heard = await taken.wait()
        after_ms = round((time.monotonic() - pressed_at) * 1000)
        return Checked(zone, tuple(category.name for category in categories), heard, after_ms)

    return list(await asyncio.gather(*(of(zone, found) for zone, found in asked.items())))


async def _heard(
    server: Endpoint, address: Network, zone: ZoneConfig, categories: Sequence[CategoryConfig]
) -> Heard | None:
    """What the zone answers in the end; None where it is prohibited to us."""
    gone = {category.answer for category in categories}
    give_up_at = time.monotonic() + PATIENCE_S
    name = ".".join((*address.reverse_labels, zone.origin, ""))
    heard = Heard.SILENT
    while time.monotonic() < give_up_at:
        answer = await _ask(server, name)
        if isinstance(answer, _Closed):
            return None
        if answer is not None:
            heard = Heard.LISTED if answer & gone else Heard.GONE
            if heard is Heard.GONE:
                break
        await asyncio.sleep(PAUSE_S)
    return heard


def _may_ask(config: Config, zone: ZoneConfig, ours: Network | None) -> bool:
    """Whether the zone's answer to us is what it answers others, as far as we know.

    One whose access list says "empty" to us would answer that nothing is listed, ever.
    """
    if zone.keys.mode == "required":
        return False
    lists = (config.dns.access, zone.access)
    return ours is None or all(_lets_pass(access, ours) for access in lists)


def _lets_pass(access: AccessConfig, client: Network) -> bool:
    covering = [each for each in access.networks if each[0].covers(client)]
    most_specific = max(covering, key=lambda each: each[0].length, default=None)
    return (access.default if most_specific is None else most_specific[1]) == "pass"


def _source(server: Endpoint) -> Network | None:
    """The address that the server sees us ask from; None where there is no way to it."""
    family = socket.AF_INET6 if ":" in server.address else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.connect((server.address, server.port))
        return parse_address(udp.getsockname()[0].partition("%")[0])
    return None


async def _ask(server: Endpoint, name: str) -> set[ipaddress.IPv4Address] | _Closed | None:
    """The A records of a name; None where the server did not answer, or could not."""
    question = dns.message.make_query(name, dns.rdatatype.A, use_edns=0)  # for extended errors
    try:  # over TCP where the reply is cut: rate limits may say nothing of an address so
        reply, _ = await dns.asyncquery.udp_with_fallback(
            question, server.address, timeout=ANSWER_WITHIN_S, port=server.port
        )
    except (dns.exception.DNSException, OSError):
        return None
    if reply.rcode() == dns.rcode.REFUSED and _is_prohibited(reply):
        return _Closed()
    if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return None
    return {
        ipaddress.IPv4Address(record.to_text())
        for rrset in reply.answer
        if rrset.rdtype == dns.rdatatype.A
        for record in rrset
    }


def _is_prohibited(reply: dns.message.Message) -> bool:
    """RFC 8914 §4.19: a refusal of us; without it a server may refuse what it cannot answer."""
    return any(error.code == dns.edns.EDECode.PROHIBITED for error in reply.extended_errors())


def _reachable(endpoint: Endpoint) -> Endpoint:
    """Where to ask a server that listens there: a wildcard is reached over the loopback."""
    address = ipaddress.ip_address(endpoint.address)
    if address.is_unspecified:
        loopback = "127.0.0.1" if isinstance(address, ipaddress.IPv4Address) else "::1"
        return Endpoint(loopback, endpoint.port)
    return endpoint
