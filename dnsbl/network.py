"""The prefix value: what a listing, an exclusion and a question name.

A network is an IPv4 or IPv6 prefix; a single address is a /32 or a /128. Its
canonical text is the one that the database holds: ``192.0.2.1/32``,
``2001:db8::/32`` (RFC 5952), without host bits.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import Final, Literal

from dnsbl.errors import DnsblError

Family = Literal[4, 6]

IPV4: Final = 4
IPV6: Final = 6
BITS: Final[dict[Family, int]] = {IPV4: 32, IPV6: 128}

NETWORK_TEXT_CHARS_MAX = 43  # eight groups of four, seven colons, "/128"

# RFC 4291 §2.5.5.2: ::ffff:0:0/96 are IPv4 addresses in IPv6 clothes.
_MAPPED_HIGH_BITS = 0xFFFF
_MAPPED_PREFIX_LENGTH = 96

_IPV4_TEXT = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}", re.ASCII)


class NetworkError(DnsblError):
    """A text that is not a network."""


class NotListableError(DnsblError):
    """A network that is one, and is refused all the same."""


@dataclass(frozen=True, slots=True)
class Network:
    """A prefix: its family (4 or 6), its bits as a whole number with no host bits, its length."""

    family: Family
    bits: int
    length: int

    def __str__(self) -> str:
        """Canonical text, always with its length."""
        return f"{self.address_text}/{self.length}"

    @property
    def address_text(self) -> str:
        """The first address of the network, without a length."""
        if self.family == IPV4:
            return socket.inet_ntoa(self.bits.to_bytes(4, "big"))
        return str(ipaddress.IPv6Address(self.bits))

    @property
    def text(self) -> str:
        """How a person would write it: a single address without its length."""
        return self.address_text if self.is_address else str(self)

    @property
    def is_address(self) -> bool:
        """Whether this is one address rather than a range."""
        return self.length == BITS[self.family]

    def covers(self, other: Network) -> bool:
        """Whether every address of the other network lies in this one."""
        return (
            self.family == other.family
            and self.length <= other.length
            and (self.bits ^ other.bits) >> (BITS[self.family] - self.length) == 0
        )

    def widened(self, length: int) -> Network:
        """The covering network of that length, which is at most this one's."""
        assert 0 <= length <= self.length
        drop = BITS[self.family] - length
        return Network(self.family, self.bits >> drop << drop, length)

    def covering(self) -> list[Network]:
        """This network and all that cover it, the most specific first (33 or 129 at most)."""
        return [self.widened(length) for length in range(self.length, -1, -1)]

    @property
    def reverse_labels(self) -> tuple[str, ...]:
        """The labels of an address below a zone's origin.

        Four octets (RFC 5782 §2.1) or 32 nibbles (§2.4), the last first.
        """
        assert self.is_address
        if self.family == IPV4:
            return tuple(str(octet) for octet in reversed(self.bits.to_bytes(4, "big")))
        return tuple(reversed(f"{self.bits:032x}"))


def parse(text: str) -> Network:
    """A network or an address as a person or a feed writes it.

    IPv4-mapped IPv6 addresses become the IPv4 addresses that they are.

    Raises NetworkError with a sentence for that person: what is not an
    address, a length out of range, host bits.
    """
    if len(text) > NETWORK_TEXT_CHARS_MAX + 6:  # six groups, a dotted quad and "/128" take 49
        raise NetworkError(f"{text[:40]!r}… is too long to be an address or a network")
    address_text, slash, length_text = text.partition("/")
    family, bits = _parse_address(address_text, text)
    length = BITS[family]
    if slash:
        if not (length_text.isascii() and length_text.isdigit() and len(length_text) <= 3):  # noqa: PLR2004
            raise NetworkError(f"{text!r} has no prefix length after the slash, such as /24")
        length = int(length_text)
        if length > BITS[family]:
            raise NetworkError(
                f"{text!r} has a prefix length over {BITS[family]}, the most that IPv{family} has"
            )
    drop = BITS[family] - length
    if bits >> drop << drop != bits:
        meant = Network(family, bits >> drop << drop, length)
        raise NetworkError(f"{text!r} has host bits set; did you mean {meant}?")
    return unmapped(Network(family, bits, length))


def parse_address(text: str) -> Network:
    """One address, as in a form field or a question. Raises NetworkError for a range too."""
    network = parse(text)
    if not network.is_address:
        raise NetworkError(f"{text!r} is a network; one address is needed here")
    return network


def parse_canonical(text: str) -> Network:
    """A network from the database, which holds canonical text only.

    Raises NetworkError where the text is another spelling, so that one network
    cannot stand in two rows, and for the whole of a family (RFC 5782 §7).
    """
    network = parse(text)
    if str(network) != text:
        raise NetworkError(f"{text!r} is not in canonical form; write {network}")
    if network.length == 0:
        raise NetworkError(f"{network} is the whole of IPv{network.family}; it is never listed")
    return network


def _parse_address(address_text: str, whole: str) -> tuple[Family, int]:
    if ":" not in address_text:
        # inet_aton's shorthands ("1.2", "0x7f.1") and leading zeros are refused: feeds mean
        # different things by them.
        try:
            if _IPV4_TEXT.fullmatch(address_text):
                return IPV4, int.from_bytes(socket.inet_pton(socket.AF_INET, address_text), "big")
        except OSError:
            pass
        raise NetworkError(f"{whole!r} is not an IPv4 or IPv6 address or network")
    try:
        if "%" in address_text:
            raise NetworkError(f"{whole!r} has a scope (%…); a listed address has none")
        return IPV6, int(ipaddress.IPv6Address(address_text))
    except ipaddress.AddressValueError:
        raise NetworkError(f"{whole!r} is not an IPv4 or IPv6 address or network") from None


def unmapped(network: Network) -> Network:
    """An IPv4 network where it is one in IPv6 clothes, else itself."""
    if (
        network.family == IPV6
        and network.length >= _MAPPED_PREFIX_LENGTH
        and network.bits >> 32 == _MAPPED_HIGH_BITS
    ):
        return Network(IPV4, network.bits & 0xFFFFFFFF, network.length - _MAPPED_PREFIX_LENGTH)
    return network


# What a public blocklist has no business with (RFC 6471 §3.5), from the IANA special-purpose
# registries (RFC 6890 and its updates). Documentation space (192.0.2.0/24, 2001:db8::/32, …) is
# left out on purpose: nobody sends mail from it, and examples need something to list.
_RESERVED_TEXT = (
    ("0.0.0.0/8", "“this network” (RFC 791)"),
    ("10.0.0.0/8", "private space (RFC 1918)"),
    ("100.64.0.0/10", "shared address space (RFC 6598)"),
    ("127.0.0.0/8", "loopback (RFC 1122)"),
    ("169.254.0.0/16", "link-local space (RFC 3927)"),
    ("172.16.0.0/12", "private space (RFC 1918)"),
    ("192.0.0.0/24", "reserved for protocols (RFC 6890)"),
    ("192.88.99.0/24", "reserved, once 6to4 relays (RFC 7526)"),
    ("192.168.0.0/16", "private space (RFC 1918)"),
    ("198.18.0.0/15", "benchmarking space (RFC 2544)"),
    ("224.0.0.0/4", "multicast (RFC 5771)"),
    ("240.0.0.0/4", "reserved (RFC 1112)"),
    ("::/8", "reserved, loopback and unspecified among it (RFC 4291)"),
    ("64:ff9b::/96", "IPv4 translation (RFC 6052)"),
    ("64:ff9b:1::/48", "IPv4 translation (RFC 8215)"),
    ("100::/8", "discard-only and unassigned (RFC 6666)"),
    ("2001::/23", "reserved for protocols, Teredo among them (RFC 2928)"),
    ("2002::/16", "6to4 (RFC 7526)"),
    ("5f00::/16", "segment routing (RFC 9602)"),
    ("fc00::/7", "unique local space (RFC 4193)"),
    ("fe80::/10", "link-local space (RFC 4291)"),
    ("fec0::/10", "deprecated site-local space (RFC 3879)"),
    ("ff00::/8", "multicast (RFC 4291)"),
)
_RESERVED: dict[Family, list[tuple[Network, str]]] = {IPV4: [], IPV6: []}
for _text, _name in _RESERVED_TEXT:
    _network = parse(_text)
    _RESERVED[_network.family].append((_network, _name))
for _reserved in _RESERVED.values():
    _reserved.sort(key=lambda item: -item[0].length)  # the most telling name first


def reserved_name(network: Network) -> str | None:
    """What reserved or private space the network touches, for a sentence; None if it does not."""
    for reserved, name in _RESERVED[network.family]:
        if reserved.covers(network) or network.covers(reserved):
            return f"{reserved} is {name}"
    return None


def reserved_ranges() -> list[tuple[int, int]]:
    """The first and last addresses of reserved and private IPv4 space, as whole numbers."""
    return [
        (reserved.bits, reserved.bits | (1 << BITS[IPV4] - reserved.length) - 1)
        for reserved, _ in _RESERVED[IPV4]
    ]


def check_listable(network: Network, *, force: bool = False) -> None:
    """Whether an operator may list this network.

    Raises NotListableError for the whole of a family, forced or not (RFC 5782 §7),
    and for private or reserved space unless forced (RFC 6471 §3.5).
    """
    if network.length == 0:
        raise NotListableError(f"{network} is the whole of IPv{network.family}; it is never listed")
    if not force and (name := reserved_name(network)):
        raise NotListableError(
            f"{network.text} is not listed: {name}; --force lists it all the same"
        )
