"""The image of the radix: the same contents again, or none at all."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog.testing
import twins
from house import ZONE_TEXT, House
from hypothesis import given
from hypothesis import strategies as st

from dnsbl.network import Network, parse
from dnsbl.verdict import Entry
from dnsbl.zone import image
from dnsbl.zone.contents import Contents
from dnsbl.zone.image import DIGEST_BYTES, Draft, Mark, Stand
from dnsbl.zone.skipped import SkippedRows
from dnsbl.zone.twin import AnyRadix

CATEGORIES = ("spam", "policy")
STAND = Stand("identity", Mark(1_800_000_000, "one"), Mark(1_800_000_007, "another"), 1.5e9)
POLICY = '[category.policy]\nanswer = "127.0.0.3"\ntext = "$"\n'


@pytest.fixture(autouse=True)
def _compiled() -> None:
    """An image is the compiled twin's."""
    twins.compiled("image")


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    """Listings and exclusions of all lengths, crowded into a few /16 and /64."""
    width = draw(st.sampled_from((32, 128)))
    high = draw(st.sampled_from((0, 1, 0xC000, 0xC001, 0xFFFF))) << width - 16
    low = draw(st.one_of(st.integers(0, 40), st.integers(0, (1 << width - 16) - 1)))
    length = draw(st.one_of(st.just(width), st.integers(1, width)))
    network = Network(4 if width == 32 else 6, high | low, width).widened(length)
    excludes = draw(st.booleans())
    category = draw(st.sampled_from((*CATEGORIES, "") if excludes else CATEGORIES))
    return Entry(network, category, excludes, draw(st.one_of(st.none(), st.integers(1, 3))))


def listing(network: Network, category: str = "spam", at: int | None = None) -> Entry:
    """A listing, until a time or for ever."""
    return Entry(network, category, excludes=False, expires_at=at)


def filled(held: list[Entry]) -> AnyRadix:
    """A compiled radix."""
    radix = twins.radix("compiled")(CATEGORIES)
    for entry in held:
        radix.put(entry)
    return radix


def some_entries() -> list[Entry]:
    """Enough of each kind that every part of an image is used."""
    chance = random.Random(1)
    found = [
        listing(Network(4, chance.getrandbits(32), 32), chance.choice(CATEGORIES))
        for _ in range(300)
    ]
    for number in range(300):
        address = Network(4, 0xC0000200 | number % 256, 32)
        found.append(listing(address, chance.choice(CATEGORIES), 10**9 + number))
    found += [
        Entry(Network(4, 0xC6336400, 32).widened(length), "", excludes=True, expires_at=None)
        for length in (1, 8, 16, 17, 24, 31)
    ]
    for number in range(600):
        found.append(listing(Network(6, number << 64, 64)))
        found.append(listing(Network(6, 1 << 100 | number, 128), "policy", 10**9))
    return found


@pytest.fixture
def contents(house: House) -> Contents:
    """Empty ones, of a zone with both categories."""
    house.write_zone(ZONE_TEXT + POLICY)
    return Contents(house.config.zones, SkippedRows())


def write(path: Path, *held: Entry) -> None:
    """An image of one zone with those entries."""
    draft = Draft(path)
    draft.add({"bl.example": filled(list(held))})
    draft.finish(STAND)
    draft.close()


def read(path: Path, contents: Contents) -> Stand | None:
    """What it stands for, and the contents filled; None where it is of no use."""
    found = image.find(path, contents)
    if found is None:
        return None
    found.fill(contents)
    return found.stand


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the image is."""
    return tmp_path / "radix.image"


@given(st.lists(entries(), max_size=60))
def test_what_is_written_is_read(held: list[Entry]) -> None:
    """The same entries, whatever they are, and a radix that goes on from there."""
    native = twins.compiled("image")
    radix, again = filled(held), filled([])

    octets = b"".join(native.pieces(radix))

    assert native.restore(again, octets + b"beyond") == len(octets)
    assert list(again) == list(radix)
    assert len(again) == len(radix)
    assert again.drop_expired(2, 1000) == radix.drop_expired(2, 1000)
    for entry in list(again):
        assert again.listed_below(entry.network) == radix.listed_below(entry.network)
        assert again.discard(entry.network, entry.category, excludes=entry.excludes)
    assert len(again) == 0


def test_many_are_written_and_read() -> None:
    """Several blocks, runs of several widths of values."""
    native = twins.compiled("image")
    radix, again = filled(some_entries()), filled([])

    native.restore(again, b"".join(native.pieces(radix)))

    assert list(again) == list(radix)


def test_changes_between_pieces_lose_nothing_else() -> None:
    """What did not change while the image was taken is in it, whatever else came and went."""
    native = twins.compiled("image")
    chance = random.Random(2)
    steady = some_entries()
    radix, again = filled(steady), filled([])
    keys = {(entry.network, entry.category, entry.excludes) for entry in steady}
    coming = [listing(Network(6, chance.getrandbits(20) << 64 | 1 << 90, 128)) for _ in range(3000)]
    coming += [listing(Network(4, chance.getrandbits(32), 32), at=7) for _ in range(3000)]
    coming = [item for item in coming if (item.network, "spam", False) not in keys]
    before = list(radix)

    def pieces() -> Iterator[bytes]:
        for piece in native.pieces(radix):
            yield piece
            for _ in range(20):
                entry = chance.choice(coming)
                if chance.random() < 0.6:
                    radix.put(entry)
                else:
                    radix.discard(entry.network, entry.category, excludes=False)

    native.restore(again, b"".join(pieces()))

    assert set(before) <= set(again)
    assert set(again) <= set(before) | set(coming)


def test_image_is_what_it_stands_for(path: Path, contents: Contents) -> None:
    """Reading gives the stand that was written, and fills the zones."""
    write(path, *some_entries())

    assert read(path, contents) == STAND
    assert contents.latest == STAND.latest
    assert list(contents.radixes["bl.example"]) == list(filled(some_entries()))
    assert [item.name for item in path.parent.glob("*.new")] == []
    assert path.stat().st_mode & 0o007 == 0


def test_unfinished_image_is_taken_away(path: Path, contents: Contents) -> None:
    """And the one that was there stays."""
    write(path, *some_entries()[:5])
    draft = Draft(path)
    draft.add({"bl.example": filled(some_entries())})

    draft.close()

    assert [item.name for item in path.parent.glob(".*.new")] == []
    assert read(path, contents) == STAND
    assert len(contents.radixes["bl.example"]) == 5


def test_missing_image_is_no_trouble(path: Path, contents: Contents) -> None:
    """A first start has none, and says nothing of it."""
    with structlog.testing.capture_logs() as logs:
        assert read(path, contents) is None

    assert logs == []


def test_any_flipped_octet_is_noticed(path: Path, house: House, contents: Contents) -> None:
    """Wherever it is, also in the digest itself."""
    write(path, *some_entries()[:50])
    sound = path.read_bytes()
    chance = random.Random(3)
    places = {*range(64), *range(len(sound) - 40, len(sound))}
    places |= {chance.randrange(len(sound)) for _ in range(200)}

    for place in places:
        damaged = bytearray(sound)
        damaged[place] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        assert read(path, Contents(house.config.zones, SkippedRows())) is None
    path.write_bytes(sound)
    assert read(path, contents) == STAND


def test_image_cut_anywhere_is_noticed(path: Path, house: House) -> None:
    """A disk that filled up, a machine that lost power: from nothing to all but one octet."""
    write(path, *some_entries()[:50])
    sound = path.read_bytes()
    chance = random.Random(4)

    for size in {0, 1, 13, 14, 18, 60, len(sound) - 1, *chance.sample(range(len(sound)), 100)}:
        path.write_bytes(sound[:size])
        assert read(path, Contents(house.config.zones, SkippedRows())) is None


def test_image_of_other_categories_is_not_used(path: Path, house: House) -> None:
    """Bits mean categories by their order: another order, or one more, is another image."""
    write(path, *some_entries()[:50])
    house.write_zone(ZONE_TEXT)

    with structlog.testing.capture_logs() as logs:
        assert read(path, Contents(house.config.zones, SkippedRows())) is None

    assert "other zones or categories" in logs[0]["error"]


@given(st.data())
def test_hostile_body_breaks_nothing(data: st.DataObject) -> None:
    """With a digest that is right: it is refused, or a radix that holds together."""
    native = twins.compiled("image")
    octets = bytearray(b"".join(native.pieces(filled(HOSTILE))))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.sampled_from(hostile_places(octets)))
        octets[place] = data.draw(st.integers(0, 255))
    again = filled([])

    try:
        native.restore(again, bytes(octets))
    except native.DamagedError:
        return
    for entry in list(again):
        again.covering(entry.network)
        again.listed_below(entry.network)
        assert again.discard(entry.network, entry.category, excludes=entry.excludes)
    assert list(again) == []


def hostile_places(octets: bytearray) -> list[int]:
    """Where there is more than empty runs: around what is not zero or 255."""
    telling = [place for place, octet in enumerate(octets) if octet not in {0, 255}]
    near = {place + step for place in telling for step in range(-4, 5)}
    return sorted(place for place in near if 0 <= place < len(octets))


HOSTILE = [
    Entry(parse("0.0.0.7"), "spam", excludes=False, expires_at=5),
    Entry(parse("0.0.0.9"), "policy", excludes=True, expires_at=None),
    Entry(parse("0.0.0.0/24"), "spam", excludes=False, expires_at=None),
    Entry(parse("0.1.0.0/31"), "spam", excludes=False, expires_at=9),
]


def test_digest_is_of_everything_before_it(path: Path) -> None:
    """So that another program can check an image too."""
    write(path)
    octets = path.read_bytes()

    digest = hashlib.blake2b(octets[:-DIGEST_BYTES], digest_size=DIGEST_BYTES).digest()

    assert digest == octets[-DIGEST_BYTES:]
