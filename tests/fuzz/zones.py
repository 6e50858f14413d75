"""Configurations of zones, such as `dnsbl.config.zonefile` lets through."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from random import Random
from typing import Final

from dnsbl.config import AccessConfig, CategoryConfig, HostConfig, KeysConfig, ZoneConfig
from dnsbl.config.access import ACTIONS, EVERYBODY
from dnsbl.config.category import ADDRESS_CHARS_MAX, NAME_CHARS_MAX, TEXT_OCTETS_MAX
from dnsbl.config.domain import NAME_OCTETS_MAX, REVERSED_IPV6_OCTETS
from dnsbl.config.keys import NO_KEYS
from dnsbl.config.zonefile import CATEGORIES_MAX
from dnsbl.network import parse

ORIGIN_CHARS_MAX: Final = NAME_OCTETS_MAX - REVERSED_IPV6_OCTETS - 2
LONG: Final = ".".join(("l" * 63, "o" * 63, "n" * 56, "test"))
assert len(LONG) == ORIGIN_CHARS_MAX

# None of them lies inside another.
ORIGINS: Final = ("bl.example", "x.test", "org", "a.b.c.d.dnsbl.net", "2.bl.digits", LONG)
OUTSIDE: Final = ("dns.net", "ns.example.com", "example", "bl-example", "xbl.example", "p" * 60)
INSIDE: Final = ("ns1", "ns2.eu", "2", "127", "0", "f", "10", "1.2.3.4", "_x", "example", "n" * 63)
HOSTS: Final = ("ns1", "mail", "a.web", "com", "_x")
CLIENT_NETWORKS: Final = (
    "192.0.2.0/24", "192.0.2.53", "10.0.0.0/8", "2001:db8::/32", "2001:db8::1", "198.51.100.0/25",
)  # fmt: skip
LOCAL_PARTS: Final = ("hostmaster", "host.master", "Host.MASTER", "2", "BL", "bl", "h" * 63, "f")

PIECES: Final = (
    "Access denied, banned sending IP [$]; to request removal visit https://bl.example/?ip=$",
    "$", "$$", " ", "é", "ü€", "😀", "x" * 100, "ü" * 60, "€" * 40, "😀" * 30, '\\"; \t',
)  # fmt: skip


def zones(rng: Random) -> tuple[ZoneConfig, ...]:
    """One to three zones, at times with a sublist in one and an aggregate of some."""
    made = [_zone(rng, origin) for origin in rng.sample(ORIGINS, rng.randint(1, 3))]
    if rng.randrange(3) == 0:
        outer = rng.choice([zone.origin for zone in made])
        sublist = f"{rng.choice(('spam', 'ab.cd'))}.{outer}"
        if len(sublist) <= ORIGIN_CHARS_MAX:
            made.append(_zone(rng, sublist))
    if rng.randrange(3) == 0:
        made.append(_aggregate(rng, made))
    return tuple(made)


def _aggregate(rng: Random, made: list[ZoneConfig]) -> ZoneConfig:
    """A zone that includes those of one kind, as far as they fit, and may have its own listings."""
    lists = rng.choice(made).lists
    own = _categories(rng, NAME_CHARS_MAX)[:2]
    left = CATEGORIES_MAX - len(own)
    include: list[str] = []
    for each in made:
        if each.lists == lists and len(each.categories) <= left:
            left -= len(each.categories)
            include.append(each.origin)
    return replace(
        _zone(rng, "all.test"),
        lists=lists,
        include=tuple(include),
        categories=() if include and rng.randrange(2) else own,
    )


def text_octets_most(text: str, chars: int = ADDRESS_CHARS_MAX) -> int:
    """What a text can take, whatever address, or name of so many characters, is asked about."""
    return len(text.encode()) + text.count("$") * (chars - 1)


def _zone(rng: Random, origin: str) -> ZoneConfig:
    names = rng.randrange(3) == 0
    servers = {_name(rng, origin) for _ in range(rng.randint(1, 3))}
    return ZoneConfig(
        origin=origin,
        nameservers=tuple(sorted(servers, key=lambda _: rng.random())),
        hostmaster=f"{rng.choice(LOCAL_PARTS)}@{_name(rng, origin)}",
        ttl_s=rng.choice((1, 60, 300, 604_800)),
        negative_ttl_s=rng.choice((1, 60, 604_800)),
        categories=_categories(rng, NAME_CHARS_MAX if names else ADDRESS_CHARS_MAX),
        lists="names" if names else "addresses",
        hosts=_hosts(rng, origin),
        access=_access(rng),
        keys=_keys(rng, origin),
    )


def _hosts(rng: Random, origin: str) -> tuple[HostConfig, ...]:
    """Hosts inside the zone, at times."""
    names = {f"{rng.choice(HOSTS)}.{origin}" for _ in range(rng.choice((0, 0, 1, 2)))}
    return tuple(
        HostConfig(name, (ipaddress.ip_address("192.0.2.53"),))
        for name in sorted(names)
        if len(name) <= NAME_OCTETS_MAX - 2
    )


def _access(rng: Random) -> AccessConfig:
    """Most often everybody passes."""
    if rng.randrange(4):
        return EVERYBODY
    networks = {parse(rng.choice(CLIENT_NETWORKS)): rng.choice(ACTIONS) for _ in range(3)}
    return AccessConfig(rng.choice(("pass", "pass", *ACTIONS)), tuple(networks.items()))


def _keys(rng: Random, origin: str) -> KeysConfig:
    """Most often none; the keys themselves are nobody's."""
    if rng.randrange(5) or len(origin) > ORIGIN_CHARS_MAX - 27:
        return NO_KEYS
    return KeysConfig(rng.choice(("optional", "required")), rng.choice(("refuse", "empty")))


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


def _categories(rng: Random, chars: int) -> tuple[CategoryConfig, ...]:
    count = CATEGORIES_MAX if rng.randrange(20) == 0 else rng.randint(1, 5)
    shared = [_text(rng, chars) for _ in range(3)]
    return tuple(
        CategoryConfig(
            name=f"c{number}",
            answer=ipaddress.IPv4Address(
                f"127.0.{rng.choice((0, 0, 0, 1))}.{2 + rng.randrange(min(count + 2, 200))}"
            ),
            text=rng.choice(shared) if rng.randrange(3) == 0 else _text(rng, chars),
            delist="self",
            grace_s=0,
        )
        for number in range(count)
    )


def _text(rng: Random, chars: int) -> str:
    """Short or near the most that a text may have; its cuts at 255 octets fall anywhere."""
    text = rng.choice(PIECES if chars == ADDRESS_CHARS_MAX else PIECES[1:])
    for _ in range(rng.choice((0, 1, 3, 12))):
        longer = text + rng.choice(PIECES) + "y" * rng.randrange(3)
        if text_octets_most(longer, chars) <= TEXT_OCTETS_MAX:
            text = longer
    return text
