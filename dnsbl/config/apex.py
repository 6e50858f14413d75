"""The records of a zone's own names: those at its apex, and the addresses of hosts in it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final, TypeAlias

from dnsbl.config.domain import is_host_label, parse_hostname
from dnsbl.config.toml import ConfigError, Table

RECORDS_MAX: Final = 32  # of one type at one name: all of them fit into one answer
HOSTS_MAX: Final = 64
TEXT_OCTETS_MAX: Final = 255  # RFC 1035 §3.3: one character-string; SPF and the like fit
PREFERENCE_MAX: Final = 65_535  # RFC 1035 §3.3.9

HostAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class MailExchanger:
    """Whom mail for the zone's own name goes to; the least preference first (RFC 1035 §3.3.9)."""

    preference: int
    host: str  # "" is the root: no mail at all (RFC 7505)


@dataclass(frozen=True, slots=True)
class ApexConfig:
    """Records at the apex, beside SOA and NS (RFC 5782 §5: A and AAAA of the list's website)."""

    addresses: tuple[HostAddress, ...] = ()
    exchangers: tuple[MailExchanger, ...] = ()
    texts: tuple[str, ...] = ()


NO_RECORDS: Final = ApexConfig()


@dataclass(frozen=True, slots=True)
class HostConfig:
    """A host inside the zone, such as its name server, with its addresses."""

    name: str
    addresses: tuple[HostAddress, ...]


def read_apex(table: Table) -> ApexConfig:
    """The table [apex]. Raises ConfigError."""

    def text(value: str) -> str:
        if not 1 <= len(value.encode()) <= TEXT_OCTETS_MAX:
            raise ValueError(f"it does not have 1 to {TEXT_OCTETS_MAX} octets")
        return value

    expected = "a list of IPv4 addresses"
    ipv4 = table.parsed_each("a", [], expected, ipaddress.IPv4Address)
    _once(table, "a", ipv4, expected)
    expected = "a list of IPv6 addresses"
    ipv6 = table.parsed_each("aaaa", [], expected, _parse_ipv6)
    _once(table, "aaaa", ipv6, expected)
    expected = 'a list of preferences with host names, such as "10 mail.example"'
    exchangers = table.parsed_each("mx", [], expected, _parse_exchanger)
    _once(table, "mx", exchangers, expected)
    expected = "a list of texts"
    texts = table.parsed_each("txt", [], expected, text)
    _once(table, "txt", texts, expected)
    table.finish()
    return ApexConfig((*ipv4, *ipv6), exchangers, texts)


def read_hosts(table: Table, origin: str) -> tuple[HostConfig, ...]:
    """The table [hosts]: names inside the zone, each with its addresses. Raises ConfigError."""
    hosts: list[HostConfig] = []
    for key in table.keys():  # noqa: SIM118  # it is no dict
        try:
            name = parse_hostname(key)
        except ValueError as error:
            raise ConfigError(f"{table.file}: {table.key_name(key)}: {error}") from None
        if not name.endswith(f".{origin}"):
            raise ConfigError(
                f"{table.file}: {table.key_name(key)}: expected a name inside {origin}; "
                "another zone knows the addresses of other hosts"
            )
        if not is_host_label(name, origin):
            raise ConfigError(
                f"{table.file}: {table.key_name(key)}: expected a label before {origin} of two or "
                "more characters that are not all digits (RFC 5782 §2.3)"
            )
        expected = "a list of one or more addresses"
        addresses = table.parsed_each(key, None, expected, _parse_address)
        _once(table, key, addresses, expected)
        if not addresses or name in {host.name for host in hosts}:
            raise table.refuse(key, f"{expected}, for each host once")
        hosts.append(HostConfig(name, addresses))
    if len(hosts) > HOSTS_MAX:
        raise ConfigError(f"{table.file}: {table.name}: expected at most {HOSTS_MAX} hosts")
    return tuple(hosts)


def _once(table: Table, key: str, values: tuple[object, ...], expected: str) -> None:
    """RFC 2181 §5: a set of records has none twice."""
    if len(values) > RECORDS_MAX or len(set(values)) != len(values):
        raise table.refuse(key, f"{expected}, {RECORDS_MAX} at most, each once")


def _parse_address(text: str) -> HostAddress:
    return _parse_ipv6(text) if ":" in text else ipaddress.IPv4Address(text)


def _parse_ipv6(text: str) -> ipaddress.IPv6Address:
    address = ipaddress.IPv6Address(text)
    if address.scope_id is not None:
        raise ValueError("it has a scope (%…), which no record holds")
    return address


def _parse_exchanger(text: str) -> MailExchanger:
    preference, _, host = text.partition(" ")
    if not (preference.isascii() and preference.isdigit() and int(preference) <= PREFERENCE_MAX):
        raise ValueError(f"it has no preference from 0 to {PREFERENCE_MAX} before a space")
    return MailExchanger(int(preference), "" if host == "." else parse_hostname(host))
