"""Configurations of zones, such as `dnsbl.config.zonefile` lets through."""

from __future__ import annotations

import ipaddress
from random import Random
from typing import Final

from dnsbl.config import CategoryConfig, ZoneConfig
from dnsbl.config.category import ADDRESS_CHARS_MAX, TEXT_OCTETS_MAX
from dnsbl.config.domain import NAME_OCTETS_MAX, REVERSED_IPV6_OCTETS
from dnsbl.config.zonefile import CATEGORIES_MAX

ORIGIN_CHARS_MAX: Final = NAME_OCTETS_MAX - REVERSED_IPV6_OCTETS - 2
LONG: Final = ".".join(("l" * 63, "o" * 63, "n" * 56, "test"))
assert len(LONG) == ORIGIN_CHARS_MAX

# None of them lies inside another.
ORIGINS: Final = ("bl.example", "x.test", "org", "a.b.c.d.dnsbl.net", "2.bl.digits", LONG)
OUTSIDE: Final = ("dns.net", "ns.example.com", "example", "bl-example", "xbl.example", "p" * 60)
INSIDE: Final = ("ns1", "ns2.eu", "2", "127", "0", "f", "10", "1.2.3.4", "_x", "example", "n" * 63)
LOCAL_PARTS: Final = ("hostmaster", "host.master", "Host.MASTER", "2", "BL", "bl", "h" * 63, "f")

PIECES: Final = (
    "Access denied, banned sending IP [$]; to request removal visit https://bl.example/?ip=$",
    "$", "$$", " ", "é", "ü€", "😀", "x" * 100, "ü" * 60, "€" * 40, "😀" * 30, '\\"; \t',
)  # fmt: skip


def zones(rng: Random) -> tuple[ZoneConfig, ...]:
    """One to three zones."""
    return tuple(_zone(rng, origin) for origin in rng.sample(ORIGINS, rng.randint(1, 3)))


def text_octets_most(text: str) -> int:
    """What a text can take, whatever address is asked about."""
    return len(text.encode()) + text.count("$") * (ADDRESS_CHARS_MAX - 1)


def _zone(rng: Random, origin: str) -> ZoneConfig:
    servers = {_name(rng, origin) for _ in range(rng.randint(1, 3))}
    return ZoneConfig(
        origin=origin,
        nameservers=tuple(sorted(servers, key=lambda _: rng.random())),
        hostmaster=f"{rng.choice(LOCAL_PARTS)}@{_name(rng, origin)}",
        ttl_s=rng.choice((1, 60, 300, 604_800)),
        negative_ttl_s=rng.choice((1, 60, 604_800)),
        categories=_categories(rng),
    )


def _name(rng: Random, origin: str) -> str:
    """A host inside the origin or outside, or one that shares some labels with it."""
    labels = origin.split(".")
    shared = ".".join(labels[rng.randrange(len(labels)) :])
    kind = rng.randrange(6)
    if kind == 0:
        return rng.choice(OUTSIDE)
    if kind == 1:
        return origin
    if kind == 2:
        return _fitting(f"{rng.choice(INSIDE)}.{shared}")
    if kind == 3:
        return _fitting(f"x{shared}")
    return _fitting(f"{rng.choice(INSIDE)}.{origin}")


def _fitting(name: str) -> str:
    octets = 65 + len(name) + 2  # beside the longest local part
    labels = name.split(".")
    return name if octets <= NAME_OCTETS_MAX and len(labels[0]) < 64 else "ns.example.com"


def _categories(rng: Random) -> tuple[CategoryConfig, ...]:
    count = CATEGORIES_MAX if rng.randrange(20) == 0 else rng.randint(1, 5)
    shared = [_text(rng) for _ in range(3)]
    return tuple(
        CategoryConfig(
            name=f"c{number}",
            answer=ipaddress.IPv4Address(
                f"127.0.{rng.choice((0, 0, 0, 1))}.{2 + rng.randrange(min(count + 2, 200))}"
            ),
            text=rng.choice(shared) if rng.randrange(3) == 0 else _text(rng),
            delist="self",
            grace_s=0,
        )
        for number in range(count)
    )


def _text(rng: Random) -> str:
    """Short or near the most that a text may have; its cuts at 255 octets fall anywhere."""
    text = rng.choice(PIECES)
    for _ in range(rng.choice((0, 1, 3, 12))):
        longer = text + rng.choice(PIECES) + "y" * rng.randrange(3)
        if text_octets_most(longer) <= TEXT_OCTETS_MAX:
            text = longer
    return text
