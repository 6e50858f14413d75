"""Any octets at all, through the whole of a Responder: what comes of each is in order.

Zones of every kind, with keys, access lists, rate limits and cookies; real
queries, damaged ones, and octets at random. No exception; no reply but one that
`reading.check` lets pass, and of those one in DNSPYTHON_SHARE read by dnspython
too; every message counted once, as a reply or as a drop with its cause.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Final

import dns.exception
import dns.message

from dnsbl.config import AccessConfig, KeysConfig, RateLimitConfig, ZoneConfig
from dnsbl.config.access import ACTIONS, EVERYBODY
from dnsbl.config.domain import NAME_OCTETS_MAX, REVERSED_IPV6_OCTETS
from dnsbl.config.keys import KEY_ALPHABET, KEY_CHARS
from dnsbl.network import Network, parse
from dnsbl.server.counters import Counters, Transport
from dnsbl.server.ratelimit import new_rate_limiter
from dnsbl.server.respond import Manners, Responder
from dnsbl.store.access_keys import AccessKey, key_hash
from dnsbl.subject import Subject
from dnsbl.wire.cookie import make
from dnsbl.zone.chaos import ChaosConfig
from dnsbl.zone.zones import Zones
from fuzz.answers import CLIENTS_AT, SECRETS, Kept
from fuzz.entries import NOW, entry
from fuzz.names import name
from fuzz.packets import Labels, damaged, origin_labels, packet
from fuzz.reading import HEADER_OCTETS, check
from fuzz.zones import CLIENT_NETWORKS, zones

PACKETS: Final = 2500  # of a round
ENTRIES_MAX: Final = 300
DNSPYTHON_SHARE: Final = 16
RANDOM_OCTETS_MAX: Final = 700
QUOTA: Final = 20  # of the key that has one

# Keys of every fate: good, good with a quota, expired, revoked, and one that nobody gave out.
_KEYS: Final = tuple(letter * KEY_CHARS for letter in KEY_ALPHABET[:5])
KEY_LABELS: Final = tuple(key.encode() for key in _KEYS)

_RCODES: Final = {
    0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED",
}  # fmt: skip


class House:
    """A server without sockets: zones that hold something, and a Responder before them."""

    def __init__(self, rng: Random) -> None:
        configs = [_keyed(rng, config) for config in zones(rng)]
        told = ChaosConfig("1.2.3", "ns1") if rng.randrange(2) else ChaosConfig()
        self.now: float = NOW
        self.zones = Zones(configs, _access(rng), told)
        self.origins = [config.origin for config in configs]
        self.counters = Counters()
        manners = Manners(
            identity=rng.choice((b"", b"ns1", bytes(64))),
            cookies=Kept() if rng.randrange(4) else None,
            limiter=new_rate_limiter(_limits(rng)),
        )
        self.responder = Responder(self.zones, self.counters, now=lambda: self.now, manners=manners)
        for zone in self.zones:
            zone.keys.replace(_ring(zone.config.origin))
        self.near = fill(rng, self.zones)

    def ask(self, data: bytes, client: Network, transport: Transport) -> bytes | None:
        """The reply, which is in order. Raises AssertionError."""
        reply = self.responder.respond(data, transport, client)
        try:
            assert self.counters.failed == 0, "an exception, whose traceback is in the log"
            if reply is not None:
                check(data, reply, udp=transport == "udp")
        except AssertionError as error:
            raise AssertionError(
                f"{error}: {client} over {transport}\nasked   {data.hex()}\n"
                f"replied {(reply or b'').hex()}"
            ) from error
        return reply

    def settle(self, replies: int, silences: int) -> None:
        """Everything was counted once. Raises AssertionError."""
        causes = ("short", "response", "ignored", "rate_limited")
        assert replies == self.counters.replies()
        assert silences == sum(self.counters.dropped(cause) for cause in causes)


def fill(rng: Random, held: Zones) -> list[Subject]:
    """Puts listings and exclusions into zones; what they are about."""
    near: list[Subject] = []
    for zone in held:
        categories = tuple(zone.radix.categories)
        for _ in range(rng.choice((0, 5, 50, ENTRIES_MAX)) if categories else 0):
            at = name(rng) if zone.config.lists == "names" else None
            put = entry(rng, categories, at)
            zone.radix.put(put)
            near.append(put.network)
    return near


def _keyed(rng: Random, config: ZoneConfig) -> ZoneConfig:
    """With keys in half of the zones that have room for one."""
    if len(config.origin) + 2 + REVERSED_IPV6_OCTETS + KEY_CHARS + 1 > NAME_OCTETS_MAX:
        return config
    actions = ("refuse", "empty", "ignore")
    mode = rng.choice(("off", "off", "optional", "required"))
    return replace(config, keys=KeysConfig(mode, rng.choice(actions), rng.choice(actions)))


def _ring(origin: str) -> list[AccessKey]:
    """Those of a zone; the last of the keys is in none."""
    good, limited, expired, revoked, _ = (key_hash(label) or b"" for label in KEY_LABELS)
    return [
        AccessKey(good, origin, "good", None, 0),
        AccessKey(limited, origin, "limited", QUOTA, 0),
        AccessKey(expired, origin, "expired", None, 0, expires_at=NOW - 1),
        AccessKey(revoked, origin, "revoked", None, 0, revoked_at=1),
    ]


def _access(rng: Random) -> AccessConfig:
    """The server's own list; in most rounds everybody passes."""
    if rng.randrange(4):
        return EVERYBODY
    networks = {parse(rng.choice(CLIENT_NETWORKS)): rng.choice(ACTIONS) for _ in range(2)}
    return AccessConfig("pass", tuple(networks.items()))


def _limits(rng: Random) -> RateLimitConfig:
    """None in most rounds, else some that are gone over soon."""
    if rng.randrange(6):
        return RateLimitConfig()
    few = rng.choice((1, 5, 50))
    return replace(
        RateLimitConfig(), listed_per_s=few, unlisted_per_s=few, empty_per_s=few, errors_per_s=few,
        burst_s=1, slip=rng.choice((0, 1, 2)),
    )  # fmt: skip


def message(rng: Random, origins: list[str], near: Sequence[Subject], client: bytes) -> bytes:
    """What comes to a server: queries, some with keys or good cookies, damaged ones, noise."""
    kind = rng.randrange(32)
    if kind == 0:
        return rng.randbytes(rng.randrange(rng.choice((HEADER_OCTETS + 8, RANDOM_OCTETS_MAX))))
    if kind == 1:  # a header that promises much, and noise that is read because of it
        header = struct.pack(
            "!HH", rng.getrandbits(16), rng.choice((0, 0x100, rng.getrandbits(15)))
        )
        counts = bytes(rng.choice((0, 0, 0, 1, 2, 255)) for _ in range(8))
        return header + counts + rng.randbytes(rng.randrange(RANDOM_OCTETS_MAX))
    if kind == 2:
        return _pointing(rng, origins)
    data = packet(rng, origins, near, KEY_LABELS)
    if kind == 3:
        data = _with_cookie(rng, data, client)
    if kind > 23:
        data = damaged(rng, data)
    return data


def _pointing(rng: Random, origins: list[str]) -> bytes:
    """Names of pointers, to themselves, ahead, or into what came before, in any section."""
    where = rng.randrange(4)
    counts = [1, 0, 0, 0]
    counts[where] += where > 0
    labels: Labels = (b"2", b"0", b"0", b"127", *origin_labels(rng.choice(origins)))
    question = b"".join(bytes([len(label)]) + label for label in labels) + b"\0\0\1\0\1"
    target = rng.choice((0, HEADER_OCTETS, HEADER_OCTETS + len(question), rng.getrandbits(14)))
    pointer = struct.pack("!H", 0xC000 | target) * rng.choice((1, 1, 2, 60))
    tail = rng.choice((b"", b"\x01a")) + pointer
    if where == 0:
        question = question[: rng.randrange(len(question) - 4)] + tail + b"\0\1\0\1"
        return struct.pack("!HHHHHH", 7, 0, *counts) + question
    record = tail + struct.pack("!HHIH", rng.choice((41, 6, 1, 250)), 1, 60, 0)
    return struct.pack("!HHHHHH", 7, 0, *counts) + question + record


def _with_cookie(rng: Random, data: bytes, client: bytes) -> bytes:
    """A query with OPT and a cookie of ours, at times spoilt; limits do not hold it."""
    if data[10:12] != b"\0\0":
        return data
    cookie = bytearray(make(bytes(range(8)), client, NOW, SECRETS))
    if rng.randrange(3) == 0:
        cookie[rng.randrange(len(cookie))] ^= 1
    opt = struct.pack(
        "!BHHIHHH", 0, 41, rng.choice((512, 1232)), 0, 4 + len(cookie), 10, len(cookie)
    )
    return data[:10] + b"\0\1" + data[12:] + opt + bytes(cookie)


def outcome(data: bytes, reply: bytes | None) -> str:
    """What became of a message, in a few words."""
    if reply is None:
        return "dropped, no query" if len(data) < HEADER_OCTETS or data[2] & 128 else "dropped"
    rcode = _RCODES.get(reply[3] & 15, "other")
    if reply[2] & 2:
        return "truncated"
    if rcode == "NOERROR":
        return "NOERROR, records" if reply[6:8] != b"\0\0" else "NOERROR, none"
    return rcode


def round_(rng: Random) -> Counter[str]:
    """Zones and messages; how many ended in which way."""
    house = House(rng)
    ended: Counter[str] = Counter()
    silences = 0
    clients = [(client, client_octets(client)) for client in CLIENTS_AT]
    for number in range(PACKETS):
        client, octets = rng.choice(clients)
        data = message(rng, house.origins, house.near, octets)
        transport: Transport = "udp" if rng.randrange(8) else "tcp"
        reply = house.ask(data, client, transport)
        silences += reply is None
        ended[outcome(data, reply)] += 1
        if reply is not None and number % DNSPYTHON_SHARE == 0:
            _read_by_dnspython(reply)
        if rng.randrange(64) == 0:
            house.now += rng.choice((0, 0.125, 1, 60))
    house.settle(PACKETS - silences, silences)
    return ended


def client_octets(client: Network) -> bytes:
    """The address of a client, in the order of the network."""
    return client.bits.to_bytes(4 if client.family == 4 else 16, "big")


def _read_by_dnspython(reply: bytes) -> None:
    # As of a QUERY: to UPDATE it has rules for the question, which is said back as it came.
    plain = reply[:2] + bytes([reply[2] & ~0x78]) + reply[3:]
    try:
        dns.message.from_wire(plain)
    except dns.exception.DNSException as error:
        raise AssertionError(f"dnspython: {error!r} at {reply.hex()}") from error
