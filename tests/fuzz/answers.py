"""The compiled answer path beside the one in Python: the same octets, or declined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from random import Random
from typing import Final

import twins
from asking import CLIENT

from dnsbl.config import ZoneConfig
from dnsbl.network import BITS, Network, parse
from dnsbl.server.counters import Counters
from dnsbl.server.respond import Manners, Responder
from dnsbl.subject import Subject
from dnsbl.verdict import Entry
from dnsbl.wire.cookie import Secrets
from dnsbl.zone.names import Names
from dnsbl.zone.plan import plan
from dnsbl.zone.radix import Radix
from dnsbl.zone.twin import AnyRadix
from dnsbl.zone.zone import Zone
from dnsbl.zone.zones import Zones
from fuzz.entries import NOW, entry
from fuzz.names import name
from fuzz.packets import packet
from fuzz.reading import check
from fuzz.zones import zones

ENTRIES_MAX: Final = 300
PACKETS: Final = 500  # of a round

CLIENTS_AT: Final = tuple(
    parse(text) for text in ("192.0.2.53", "192.0.2.54", "10.1.2.3", "2001:db8::1", "2001:db9::")
)

_OUTCOMES: Final = {0: "NOERROR", 3: "NXDOMAIN"}


SECRETS: Final = Secrets((bytes(range(16)), bytes(16)))


class Kept:
    """Keeps the secrets of cookies as they are."""

    secrets = SECRETS


class Pair:
    """The same zones twice: in the pure radix behind a Responder, and in the compiled path."""

    def __init__(self, configs: Iterable[ZoneConfig], now: float = NOW) -> None:
        self.now = now
        self.zones = Zones(configs)
        self.responder = Responder(
            self.zones, Counters(), now=lambda: self.now, manners=Manners(cookies=Kept())
        )
        gate = twins.compiled("gate").Gate(1)
        self.answerer = twins.compiled("answer").Answerer(
            [plan(zone) for zone in self.zones],
            gate,
            twins.compiled("cookie").Cookies(SECRETS.keys, gate),
        )
        # Of the twin that serves: what the one in Python asks is asked of it too.
        if not self.zones.access.trivial:
            self.answerer.set_access(None, self.zones.access.radix)
        for zone in self.zones:
            if not zone.access.trivial:
                self.answerer.set_access(zone.config.origin, zone.access.radix)
        self._radixes: dict[str, AnyRadix] = {}
        for zone in self.zones:
            zone.swap(self._pure(zone), zone.serial)
            self._attach(zone.config.origin, self._new(zone))
            self._tell_serials()
        self._subjects: dict[str, list[Subject]] = {origin: [] for origin in self._radixes}

    @property
    def origins(self) -> list[str]:
        """Those of the zones."""
        return list(self._radixes)

    def categories(self, origin: str) -> tuple[str, ...]:
        """The names of a zone's."""
        return tuple(self._radixes[origin].categories)

    def subjects(self, origin: str) -> list[Subject]:
        """What was ever put into a zone."""
        return self._subjects[origin]

    @property
    def near(self) -> list[Subject]:
        """What was ever put into any of them."""
        return [subject for held in self._subjects.values() for subject in held]

    def lists_names(self, origin: str) -> bool:
        """Whether a zone lists names."""
        zone = self.zones.get(origin)
        assert zone is not None
        return zone.config.lists == "names"

    def put(self, origin: str, held: Entry) -> None:
        """Adds an entry to both."""
        zone = self.zones.get(origin)
        assert zone is not None
        zone.radix.put(held)
        self._radixes[origin].put(held)
        self._subjects[origin].append(held.network)

    def discard(self, origin: str, held: Entry) -> None:
        """Removes an entry from both."""
        zone = self.zones.get(origin)
        assert zone is not None
        for radix in (zone.radix, self._radixes[origin]):
            radix.discard(held.network, held.category, excludes=held.excludes)

    def set_serial(self, origin: str, serial: int) -> None:
        """Both say that serial."""
        zone = self.zones.get(origin)
        assert zone is not None
        zone.serial = serial
        self._tell_serials()

    def _tell_serials(self) -> None:
        for zone in self.zones:
            self.answerer.set_serial(zone.config.origin, zone.serial)

    def swap(self, origin: str, held: Iterable[Entry], serial: int) -> None:
        """Both answer from radixes of their own that hold those entries."""
        zone = self.zones.get(origin)
        assert zone is not None
        pure, compiled = self._pure(zone), self._new(zone)
        for each in held:
            pure.put(each)
            compiled.put(each)
        zone.swap(pure, serial)
        self._attach(origin, compiled)
        self._tell_serials()

    def _attach(self, origin: str, compiled: AnyRadix) -> None:
        self.answerer.attach(origin, compiled)
        self._radixes[origin] = compiled

    def _pure(self, zone: Zone) -> AnyRadix:
        kind = Names if zone.config.lists == "names" else Radix
        return kind(zone.radix.categories)

    def _new(self, zone: Zone) -> AnyRadix:
        if zone.config.lists == "names":
            made: AnyRadix = twins.compiled("names").Names(zone.radix.categories)
        else:
            made = twins.compiled("radix").Radix(zone.radix.categories)
        return made

    def compare(self, data: bytes, client: Network = CLIENT) -> str:
        """What became of the message, in short; an AssertionError where the twins differ."""
        address = client.bits.to_bytes(BITS[client.family] // 8, "big")
        compiled = self.answerer.respond(data, self.now, address)
        # Of what the one declines the other makes something all the same, which is in order.
        pure = self.responder.respond(data, "udp", client)
        assert self.responder.counters.failed == 0, f"an exception at {data.hex()}"
        if pure is not None:
            check(data, pure, udp=True)
        if compiled is None:
            return "declined"
        assert (pure or b"") == compiled, (
            f"at {self.now!r} the twins differ about {data.hex()}:\n"
            f"pure     {(pure or b'').hex()}\ncompiled {compiled.hex()}"
        )
        if not compiled:
            return "dropped"
        if compiled[2] & 2:
            return "truncated"
        return f"{_OUTCOMES[compiled[3] & 15]} {min(compiled[7], 2)}"


def fill(rng: Random, pair: Pair, count: int) -> None:
    """Puts entries at new places and at old ones."""
    for _ in range(count):
        origin = rng.choice(pair.origins)
        categories = pair.categories(origin)
        if not categories:
            continue  # an aggregate
        held = pair.subjects(origin)
        at = rng.choice(held) if held and rng.randrange(4) == 0 else None
        if at is None and pair.lists_names(origin):
            at = name(rng)
        pair.put(origin, entry(rng, categories, at))


def change(rng: Random, pair: Pair) -> None:
    """Something happens to the zones, or time passes."""
    origin = rng.choice(pair.origins)
    kind = rng.randrange(8)
    zone = pair.zones.get(origin)
    assert zone is not None
    if kind == 0:
        pair.set_serial(origin, rng.getrandbits(33))
    elif kind == 1:
        held = list(zone.radix)
        pair.swap(origin, rng.sample(held, rng.randint(0, len(held))), rng.getrandbits(33))
    elif kind == 2:
        fill(rng, pair, 5)
    elif kind == 3:
        held = list(zone.radix)
        for each in rng.sample(held, min(len(held), 3)):
            pair.discard(origin, each)
    else:
        pair.now = rng.choice(
            (NOW, NOW - 1, float(NOW), NOW - 0.25, NOW + rng.randint(-5, 400), NOW + rng.random())
        )


def round_(rng: Random) -> Counter[str]:
    """Zones, what is listed in them, and messages; how many ended in which way."""
    pair = Pair(zones(rng))
    fill(rng, pair, rng.choice((0, 5, 50, ENTRIES_MAX)))
    ended: Counter[str] = Counter()
    for _ in range(PACKETS):
        if rng.randrange(25) == 0:
            change(rng, pair)
        client = rng.choice(CLIENTS_AT)
        ended[pair.compare(packet(rng, pair.origins, pair.near), client)] += 1
    return ended
