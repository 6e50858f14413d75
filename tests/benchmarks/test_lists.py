"""The lists and questions: the same each time, listable, and half of the questions listed."""

from __future__ import annotations

import ipaddress
import random
import struct
from pathlib import Path

import dns.message

from benchmarks.lists import (
    FIRST_OCTETS,
    POLICY_LENGTHS,
    ListPlan,
    Ranges,
    address_text,
    addresses,
    lines,
    ranges,
)
from benchmarks.questions import message, prepare, questions
from dnsbl.network import check_listable, parse


def test_addresses_come_from_their_seed_alone() -> None:
    """Two machines measure on the same list; another seed is another list."""
    first, again, other = addresses(500), addresses(500), addresses(500, seed=7)

    assert list(first.addresses) == list(again.addresses)
    assert set(first.addresses) != set(other.addresses)


def test_addresses_are_distinct_and_listable() -> None:
    """An import refuses none of them."""
    drawn = addresses(2000)
    for line in lines(drawn):
        check_listable(parse(line))

    assert len(set(drawn.addresses)) == 2000


def test_no_first_octet_is_reserved() -> None:
    """Whatever is drawn may be listed, but for 198.0.0.0/8, where changes are made."""
    for octet in FIRST_OCTETS:
        check_listable(parse(f"{octet}.0.0.0/8"))

    assert 198 not in FIRST_OCTETS


def test_ranges_have_the_lengths_of_policy_lists() -> None:
    """Of 20,000, each common length has its share; they are distinct, and no host bits are set."""
    drawn = ranges(20_000)
    for line in lines(drawn):
        ipaddress.IPv4Network(line)
    lengths = [length for _, length in drawn.networks]

    assert len(set(drawn.networks)) == 20_000
    assert sum(POLICY_LENGTHS.values()) == 1000
    for length, thousandths in POLICY_LENGTHS.items():
        if thousandths > 50:
            assert abs(lengths.count(length) / 20 - thousandths) < 15


def test_ranges_know_what_they_hold() -> None:
    """An address inside any range is held, nested ranges too; its neighbours outside are not."""
    held = Ranges([(0x0A000000, 24), (0x0A000080, 25), (0x0A000100, 32), (0x0B000000, 31)])
    inside = [0x0A000000, 0x0A0000FF, 0x0A000090, 0x0A000100, 0x0B000001]
    outside = [0x09FFFFFF, 0x0A000101, 0x0AFFFFFF, 0x0B000002, 0]

    assert all(address in held for address in inside)
    assert not any(address in held for address in outside)


def test_ranges_agree_with_a_plain_search() -> None:
    """Drawn addresses are held; any address is, exactly if some network has it."""
    chance = random.Random(1)
    drawn = ranges(300)
    networks = [ipaddress.IPv4Network(line) for line in lines(drawn)]

    assert all(drawn.draw(chance) in drawn for _ in range(300))
    for _ in range(300):
        address = chance.getrandbits(32)
        expected = any(ipaddress.IPv4Address(address) in network for network in networks)
        assert expected == (address in drawn)


def test_half_of_the_questions_are_listed() -> None:
    """All are distinct, they come in no order, and each says truly whether it is listed."""
    held = addresses(1000)
    asked = questions(held, 1000, 600)

    assert len(dict(asked)) == 600
    assert sum(listed for _, listed in asked) == 300
    assert 100 < sum(listed for _, listed in asked[:300]) < 200
    assert all((address in held) == listed for address, listed in asked)


def test_a_question_is_a_proper_message() -> None:
    """Dnspython reads it as the question for the address's A record."""
    read = dns.message.from_wire(message("192.0.2.1"))

    assert [str(question) for question in read.question] == ["1.2.0.192.bl.example. IN A"]


def test_a_prepared_list_is_on_disk(tmp_path: Path) -> None:
    """The feed has every entry; the questions are framed as dnsperf reads them."""
    made = prepare(ListPlan("small", 300), tmp_path)
    again = prepare(ListPlan("small", 300), tmp_path)
    octets = made.questions.read_bytes()
    count = 0
    while octets:
        (size,) = struct.unpack("!H", octets[:2])
        dns.message.from_wire(octets[2 : 2 + size])
        octets = octets[2 + size :]
        count += 1

    assert made == again
    assert count == 600
    assert made.feed.read_text().splitlines() == list(lines(addresses(300)))
    assert made.rbldnsd.read_text().endswith(made.feed.read_text())
    assert dict(made.sample)[made.listed]
    assert address_text(0x01020304) == "1.2.3.4"
