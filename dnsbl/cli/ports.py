"""Whether the ports of the configuration are free, or served by this configuration's server."""

from __future__ import annotations

import errno
import http.client
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import dns.rcode

from dnsbl.cli.finding import Finding
from dnsbl.cli.question import Question, Server, address_question, ask, name_question, nearby
from dnsbl.config import Config, Endpoint, ZoneConfig
from dnsbl.config.access import Action
from dnsbl.name import Name
from dnsbl.network import IPV4, IPV6, Network, parse_address
from dnsbl.zone.access import AccessList

TIMEOUT_S: Final = 2.0

# RFC 5782 §5. The IPv6 entries are asked in their own 32 nibbles, as IPv6 mail servers do.
_LISTED: Final = (Network(IPV4, 0x7F00_0002, 32), Network(IPV6, 0xFFFF_7F00_0002, 128))
_UNLISTED: Final = (Network(IPV4, 0x7F00_0001, 32), Network(IPV6, 0xFFFF_7F00_0001, 128))
_LISTED_NAME: Final = Name("test", "exact")
_UNLISTED_NAME: Final = Name("invalid", "exact")

_SENTENCES: Final = {
    errno.EADDRNOTAVAIL: "no interface of this machine has the address",
    errno.EACCES: "may not be used by this user; ports below 1024 need a privilege",
    errno.EAFNOSUPPORT: "this machine has no IPv6",
}


_SAYINGS: Final[dict[Action, str]] = {
    "refuse": "is refused",
    "ignore": "is ignored",
    "empty": "is told that nothing is listed",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a server's answers; `prohibited`: it does not want to answer us."""

    sentence: str
    prohibited: bool = False


def findings(config: Config) -> Iterator[Finding]:
    """A finding for each endpoint and transport, and for each zone where a server answers."""
    for endpoint in config.dns.listen:
        udp = _bind_fault(endpoint, socket.SOCK_DGRAM)
        tcp = _bind_fault(endpoint, socket.SOCK_STREAM)
        # Who lacks the privilege for a port is not told whether it is in use.
        hidden = udp == tcp == errno.EACCES and _is_taken(nearby(endpoint))
        if udp == tcp == errno.EADDRINUSE or hidden:
            yield from _answers(config, nearby(endpoint))
        else:
            yield _free(f"dns {endpoint} UDP", udp)
            yield _free(f"dns {endpoint} TCP", tcp)
    endpoint = config.portal.listen
    fault = _bind_fault(endpoint, socket.SOCK_STREAM)
    if fault == errno.EADDRINUSE:
        yield portal_finding(nearby(endpoint))
    else:
        yield _free(f"portal {endpoint}", fault)


def is_served(config: Config) -> bool:
    """Whether a server that has one of the zones answers at one of the endpoints."""
    faults = (
        test_entry_fault(zone, Server(nearby(endpoint), timeout_s=TIMEOUT_S))
        for endpoint in config.dns.listen
        for zone in config.zones
    )
    return any(fault is None or fault.prohibited for fault in faults)


def _bind_fault(endpoint: Endpoint, kind: socket.SocketKind) -> int | None:
    """The errno with which binding there fails; None if it does not."""
    family = socket.AF_INET6 if ":" in endpoint.address else socket.AF_INET
    try:
        with socket.socket(family, kind) as trial:
            if kind == socket.SOCK_STREAM:  # connections that linger after a server are no server
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            trial.bind((endpoint.address, endpoint.port))
    except OSError as error:
        return error.errno or errno.EIO
    return None


def _is_taken(endpoint: Endpoint) -> bool:
    """Whether somebody takes connections there."""
    try:
        with socket.create_connection((endpoint.address, endpoint.port), TIMEOUT_S):
            return True
    except OSError:
        return False


def _free(subject: str, fault: int | None) -> Finding:
    if fault is None:
        return Finding(subject, "ok", "free; no server runs there")
    if fault == errno.EADDRINUSE:
        return Finding(subject, "error", "in use by another program, and not by a DNS server")
    return Finding(subject, "error", _SENTENCES.get(fault, os.strerror(fault)))


def _answers(config: Config, endpoint: Endpoint) -> Iterator[Finding]:
    """Whether the server there has the test entries of each zone, over UDP and TCP."""
    for zone in config.zones:
        for tcp in (False, True):
            subject = f"dns {endpoint} {'TCP' if tcp else 'UDP'} {zone.origin}"
            if zone.keys.mode == "required":
                yield Finding(subject, "ok", "asked with keys only; not tried")
                continue
            fault = test_entry_fault(zone, Server(endpoint, tcp, TIMEOUT_S))
            if fault is None:
                yield Finding(subject, "ok", "answers the test entries")
            else:
                yield _barred(config, zone, endpoint, subject, fault)


def _barred(
    config: Config, zone: ZoneConfig, endpoint: Endpoint, subject: str, fault: Fault
) -> Finding:
    """A warning where the fault is that an access list keeps this machine out; else an error."""
    client = own_address(endpoint)
    action, where = denial(config, zone, client)
    if action == "pass" and not fault.prohibited:
        return Finding(subject, "error", fault.sentence)
    if action == "pass":
        detail = f"{fault.sentence}; this configuration lets {client.text} ask: restart the server"
    else:
        detail = (
            f"not tried: {client.text}, from where this machine asks, {_SAYINGS[action]} by "
            f"{where}; the portal and `dnsbl query` want it in `pass`"
        )
    return Finding(subject, "warning", detail)


def denial(config: Config, zone: ZoneConfig, client: Network) -> tuple[Action, str]:
    """What the configured access lists do with a client's questions, and which of them does."""
    action = AccessList(config.dns.access).action(client)
    if action != "pass":
        return action, "[dns.access]"
    return AccessList(zone.access).action(client), f"[access] of {zone.origin}"


def own_address(endpoint: Endpoint) -> Network:
    """The address from which this machine asks a server there."""
    family = socket.AF_INET6 if ":" in endpoint.address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.connect((endpoint.address, endpoint.port))  # which sends nothing
        return parse_address(udp.getsockname()[0])


def test_entry_fault(zone: ZoneConfig, server: Server) -> Fault | None:
    """What is wrong with the answers to the test entries of RFC 5782 §5; None if nothing is."""
    listed, unlisted = _test_questions(zone)
    for question in listed:
        found = ask(question, server)
        if found.fault:
            return Fault(f"{found.name}: {found.fault}", found.prohibited)
        if not found.listed:
            return Fault(f"{found.name} is not listed, as a test entry is; is this another server?")
        if not found.texts:
            return Fault(f"{found.name} has no TXT record")
    for question in unlisted:
        found = ask(question, server)
        if found.fault:
            return Fault(f"{found.name}: {found.fault}", found.prohibited)
        if found.rcode != dns.rcode.to_text(dns.rcode.NXDOMAIN):
            return Fault(f"{found.name} is answered {found.rcode}; it must not exist")
    return None


def _test_questions(zone: ZoneConfig) -> tuple[list[Question], list[Question]]:
    """What has to be listed, and what not."""
    if zone.lists == "names":
        return (
            [name_question(_LISTED_NAME, zone.origin)],
            [name_question(_UNLISTED_NAME, zone.origin)],
        )
    return (
        [address_question(address, zone.origin) for address in _LISTED],
        [address_question(address, zone.origin) for address in _UNLISTED],
    )


def portal_finding(endpoint: Endpoint) -> Finding:
    """Whether a portal is alive there."""
    subject = f"portal {endpoint}"
    connection = http.client.HTTPConnection(endpoint.address, endpoint.port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return Finding(
            subject, "error", f"in use by a program that is no portal ({type(error).__name__})"
        )
    finally:
        connection.close()
    if status == http.HTTPStatus.OK:
        return Finding(subject, "ok", "the portal answers")
    return Finding(subject, "error", f"in use, and GET /healthz is answered {status}")
