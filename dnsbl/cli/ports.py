"""Whether the ports of the configuration are free, or served by this configuration's server."""

from __future__ import annotations

import errno
import http.client
import os
import socket
from collections.abc import Iterator
from typing import Final

import dns.rcode

from dnsbl.cli.finding import Finding
from dnsbl.cli.question import Question, Server, address_question, ask, name_question, nearby
from dnsbl.config import Config, Endpoint, ZoneConfig
from dnsbl.name import Name
from dnsbl.network import IPV4, IPV6, Network

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


def findings(config: Config) -> Iterator[Finding]:
    """A finding for each endpoint and transport, and for each zone where a server answers."""
    for endpoint in config.dns.listen:
        udp = _bind_fault(endpoint, socket.SOCK_DGRAM)
        tcp = _bind_fault(endpoint, socket.SOCK_STREAM)
        if udp == tcp == errno.EADDRINUSE:
            yield from _answers(config, nearby(endpoint))
        else:
            yield _free(f"dns {endpoint} UDP", udp)
            yield _free(f"dns {endpoint} TCP", tcp)
    endpoint = config.portal.listen
    fault = _bind_fault(endpoint, socket.SOCK_STREAM)
    if fault == errno.EADDRINUSE:
        yield _portal(nearby(endpoint))
    else:
        yield _free(f"portal {endpoint}", fault)


def is_served(config: Config) -> bool:
    """Whether a server that has one of the zones answers at one of the endpoints."""
    return any(
        test_entry_fault(zone, Server(nearby(endpoint), timeout_s=TIMEOUT_S)) is None
        for endpoint in config.dns.listen
        for zone in config.zones
    )


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
            yield Finding(subject, "error" if fault else "ok", fault or "answers the test entries")


def test_entry_fault(zone: ZoneConfig, server: Server) -> str | None:
    """What is wrong with the answers to the test entries of RFC 5782 §5; None if nothing is."""
    listed, unlisted = _test_questions(zone)
    for question in listed:
        found = ask(question, server)
        if found.fault:
            return f"{found.name}: {found.fault}"
        if not found.listed:
            return f"{found.name} is not listed, as a test entry is; is this another server?"
        if not found.texts:
            return f"{found.name} has no TXT record"
    for question in unlisted:
        found = ask(question, server)
        if found.fault:
            return f"{found.name}: {found.fault}"
        if found.rcode != dns.rcode.to_text(dns.rcode.NXDOMAIN):
            return f"{found.name} is answered {found.rcode}; it must not exist"
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


def _portal(endpoint: Endpoint) -> Finding:
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
