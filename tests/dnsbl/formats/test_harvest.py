"""What a large feed names, by the compiled twin and by the pure one."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import random
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnsbl import native
from dnsbl.formats import harvest
from dnsbl.formats.harvest import Harvest
from dnsbl.formats.plain import LINE_OCTETS_MAX, BadLine, read, unlistable
from dnsbl.network import parse, reserved_name, reserved_ranges

ANSWER = IPv4Address("127.0.0.2")
IPSUM = Path(__file__).parents[2] / "data" / "ipsum.txt"

needs_compiled = pytest.mark.skipif(
    not native.wanted
    or ("CI" not in os.environ and importlib.util.find_spec("dnsbl.native.feed") is None),
    reason="the compiled twin is not built, or not wanted",
)
SLOW = [HealthCheck.function_scoped_fixture]


@pytest.fixture(params=["pure", pytest.param("compiled", marks=needs_compiled)])
def twin(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each test runs on both."""
    monkeypatch.setattr(native, "wanted", request.param == "compiled")
    return str(request.param)


def gathered(octets: bytes, *, force: bool = False, count: int = 3) -> tuple[list[str], list[str]]:
    """The texts of a feed's networks, as they come, and the lines that are bad or exclude."""
    bad: list[str] = []
    held = Harvest(ANSWER, force=force)
    for _ in held.bring_in(io.BytesIO(octets), lambda line: bad.append(f"{line.number}: {line}")):
        pass
    texts: list[str] = []
    for number, array in held.batches(count):
        batch = json.loads(array)
        assert len(batch) == number <= count
        texts += batch
    assert len(held) == len(texts)
    return texts, bad + [f"!{network}" for network in held.excluded]


def expected(octets: bytes, *, force: bool = False) -> tuple[list[str], list[str]]:
    """The same, line by line, in the order of texts."""
    texts: list[str] = []
    bad: list[str] = []
    excluded: list[str] = []
    for line in read(io.BytesIO(octets), ANSWER):
        fault = line if isinstance(line, BadLine) else unlistable(line, force=force)
        if fault is not None:
            bad.append(f"{fault.number}: {fault}")
        else:
            assert not isinstance(line, BadLine)
            if line.excludes:
                excluded.append(f"!{line.network}")
            else:
                texts.append(str(line.network))
    return sorted(texts), bad + excluded


@needs_compiled
def test_the_compiled_twin_is_used_where_it_is() -> None:
    """It takes ordinary lines, and no others."""
    from dnsbl.native.feed import Prefixes  # noqa: PLC0415  # it may not be there

    prefixes = Prefixes(reserved_ranges())
    lines = [b"192.0.2.1\n", b"# x\n", b"2001:db8::1\n", b"192.0.2.0/24,3\r\n", b"10.1.2.3\n"]
    block = b"".join(lines)

    assert prefixes.take(block, 7) == (5, [
        (9, block.index(lines[2]), block.index(lines[3])),
        (11, block.index(lines[4]), len(block)),
    ])  # fmt: skip
    assert len(prefixes) == 2
    assert isinstance(harvest._prefixes(force=False), Prefixes)  # noqa: SLF001  # the proof


@pytest.mark.usefixtures("twin")
@pytest.mark.parametrize(
    "octets",
    [
        b"", b"\n", b"\r\n", b"192.0.2.1", b"192.0.2.1\r", b"\xef\xbb\xbf192.0.2.1\n",
        b"\n\xef\xbb\xbf192.0.2.1\n", b"192.0.2.1\0\n", b"192.0.2.1 \0\n",
        b" \t192.0.2.0/24 \t\r\n", b"192.0.2.1 255\n", b"192.0.2.1 255.\n", b"192.0.2.1 256.\n",
        b"192.0.2.1\r\r\n", b"192.0.2.1\r x\n", b"192.0.2.1\x0b\n", b"\x0c192.0.2.1 \x0c\n",
        b"192.0.2.1 - 192.0.2.9\n", b"192.0.2.1 255.255.255.0\n", b"192.0.2.1 25\n",
        b"192.0.2.1 / 24\n", b"192.0.2.1,/24\n", b"192.0.2.1#-\n", b"192.0.2.1;2\n",
        b",192.0.2.1\n",
        b"192.0.2.0/024\n", b"192.0.2.0/\n", b"192.0.2.0/0\n", b"0.0.0.0/0\n", b"192.0.2.1/33\n",
        b"192.0.2.1/1000\n", b"0192.0.2.1\n", b"00.0.2.1\n", b"192.0.2.256\n", b"192.0.2\n",
        b"192.0.2.1.\n", b"192.0.2.1.1\n", b"1.2.3.4/32/\n", b"::ffff:192.0.2.1\n", b"10.0.0.0/7\n",
        b"11.0.0.0/8\n", b"128.0.0.0/1\n", b"255.255.255.255\n", b"x\n" * 5, b"# \xff\n;\0\n",
        b"x" * (LINE_OCTETS_MAX + 1), b"#" * LINE_OCTETS_MAX + b"\n192.0.2.1",
        b"192.0.2.1 :127.0.0.10:why\n", b"192.0.2.1\t :10\n", b"192.0.2.1 :10\r\n",
        b"192.0.2.1 :127.0.0.2:why\n", b"192.0.2.1\t:2 : why\n", b":2:why\n192.0.2.1\n",
        b"192.0.2.1\n:3:why\n192.0.2.2\n",
        b"192.0.2.1 :127.0.0.10 # why\n", b"192.0.2.1\t: 10 why\r\n", b"192.0.2.1 :10;\n",
        b":127.0.0.10 # why\n192.0.2.1\n", b"192.0.2.1\n: 3,why\r\n192.0.2.2\n",
        b"192.0.2.1 : 2 traps\n", b"192.0.2.1 :)\n", b"192.0.2.1,:127.0.0.10:why\n",
        b"192.0.2.1#:127.0.0.10:\n", b"2001:db8::1 :127.0.0.10:why\n", b":127.0.0.10:why\n",
        b"!192.0.2.1\n192.0.2.0/24\n", b" !192.0.2.0/25 # ours\r\n", b"!2001:db8::/33,x\n",
        b"!192.0.2.1 :127.0.0.10:why\n", b"! 192.0.2.1\n", b"!\n", b"!!192.0.2.1\n",
        b"!0.0.0.0/0\n!::/0\n", b"!10.1.2.3\n", b"!192.0.2.1/24\n", b"!192.0.2.1 - 192.0.2.9\n",
        b"192.0.2.1".ljust(LINE_OCTETS_MAX - 1) + b"\n",
        b"192.0.2.1".ljust(LINE_OCTETS_MAX) + b"\n",
        b"#" * (3 * LINE_OCTETS_MAX) + b"\n192.0.2.1\nx",
    ],
)  # fmt: skip
@pytest.mark.parametrize("force", [False, True])
def test_odd_lines_are_read_as_ever(octets: bytes, force: bool) -> None:  # noqa: FBT001
    """By the same rules, with the same faults in the same lines."""
    assert gathered(octets, force=force) == expected(octets, force=force)


@pytest.mark.usefixtures("twin")
@pytest.mark.parametrize("value", [":127.0.0.10 # why", ": 10,why", "\t:10 why", ":10;"])
def test_a_line_with_a_value_of_its_own_is_not_gathered(value: str) -> None:
    """Whatever stands behind the value; a column that only begins with a colon is none."""
    found, bad = gathered(f"192.0.2.1 {value}\n192.0.2.2 : why\n{value}\n".encode())

    assert found == ["192.0.2.2/32"]
    assert [line.partition(":")[0] for line in bad] == ["1", "3"]
    assert [line.endswith("spoils=True)") for line in bad] == [False, True]


@pytest.mark.usefixtures("twin")
def test_networks_come_in_the_order_of_their_text() -> None:
    """Every octet and every length, in whatever order they are named."""
    texts = [f"{n}.{255 - n}.{n // 2}.{n * 7 % 256}" for n in range(256)]
    texts += [f"128.0.0.0/{length}" for length in range(1, 33)]
    texts += [f"192.0.2.{n}" for n in range(256)]
    random.Random(7).shuffle(texts)
    octets = "\n".join(texts).encode()
    found, bad = gathered(octets, force=True)

    assert bad == []
    assert found == sorted(str(parse(text)) for text in texts)
    assert gathered("\n".join(found).encode(), force=True)[0] == found


@pytest.mark.usefixtures("twin")
@pytest.mark.parametrize("run", [1, 2, 7])
def test_networks_of_both_families_are_merged(monkeypatch: pytest.MonkeyPatch, run: int) -> None:
    """However many runs there are, each family is in order, and none is lost or doubled."""
    monkeypatch.setattr(harvest, "RUN_TEXTS", run)
    octets = b"".join(
        b"2001:db8::%x\n192.0.2.%d\n2001:db8::%x\n" % (n * 77 % 256, n * 99 % 256, n)
        for n in range(40)
    )
    found, bad = gathered(octets)

    assert bad == []
    assert sorted(found) == expected(octets)[0]
    for mark in (".", ":"):
        family = [text for text in found if mark in text]
        assert family == sorted(family)


@pytest.mark.usefixtures("twin")
@pytest.mark.parametrize("block", [1, 2, 9, 64, 4096])
def test_a_feed_is_read_alike_wherever_its_blocks_end(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    """In the middle of a line, at its end, or in one that is too long."""
    monkeypatch.setattr(harvest, "BLOCK_OCTETS", block)
    octets = (
        b"192.0.2.1\n\n# x\n192.0.2.2/24\r\n" + b"#" * 9000 + b"\n2001:db8::1\n10.1.1.1\n192.0.2.9"
    )

    assert gathered(octets) == expected(octets)


@pytest.mark.usefixtures("twin")
def test_octets_read_rise_to_the_end() -> None:
    """So that a bar ends at 100 %."""
    octets = b"192.0.2.1\n" * 5000
    done = list(Harvest(ANSWER, force=False).bring_in(io.BytesIO(octets), lambda _: None))

    assert done == sorted(done)
    assert done[-1] == len(octets)


@pytest.mark.usefixtures("twin")
def test_a_real_feed_is_read_whole() -> None:
    """IPsum, as it is published."""
    octets = IPSUM.read_bytes()
    found, bad = gathered(octets, count=10_000)

    assert (sorted(found), bad) == expected(octets)


LINE = st.one_of(
    st.binary(max_size=30),
    st.text("0123456789./:!, \t#;-\r\x0b\0abf", max_size=24).map(str.encode),
    st.builds(
        lambda mark, address, length, rest: f"{mark}{address}{length}{rest}".encode(),
        st.sampled_from(["", "", "!", " !", "! "]),
        st.ip_addresses(),
        st.sampled_from(["", "", "/32", "/31", "/24", "/8", "/1", "/0", "/033", "/128", "/"]),
        st.sampled_from(
            [
                "",
                "",
                "\r",
                " ",
                " x",
                ",3",
                "#",
                " # y",
                "; z",
                " - 1",
                " 2",
                "\t/ 9",
                " 255",
                " 255.",
                " :127.0.0.10:why",
                "\t:10",
                " : 10",
            ]
        ),
    ),
)


@pytest.mark.usefixtures("twin")
@given(lines=st.lists(LINE, max_size=12), force=st.booleans(), data=st.data())
@settings(suppress_health_check=SLOW, deadline=None)
def test_both_twins_read_any_feed_alike(
    lines: list[bytes],
    force: bool,  # noqa: FBT001
    data: st.DataObject,
) -> None:
    """Each line by itself, all of them, and all with an octet or two changed."""
    octets = bytearray(b"\n".join(lines))
    for line in lines:
        assert gathered(line, force=force) == expected(line, force=force)
    for place in data.draw(st.lists(st.integers(0, max(0, len(octets) - 1)), max_size=3)):
        octets[place : place + 1] = data.draw(st.binary(max_size=2))
    found, bad = gathered(bytes(octets), force=force)

    assert (sorted(found), bad) == expected(bytes(octets), force=force)


def test_reserved_ranges_are_the_reserved_networks() -> None:
    """The first and last address of each is reserved, and what touches none is not."""
    ranges = reserved_ranges()
    for first, last in ranges:
        for bits in (first, last):
            assert reserved_name(parse(".".join(map(str, bits.to_bytes(4, "big")))))
    assert not any(first <= 0xC0000201 <= last for first, last in ranges)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "*.", ".", "!", "!*."]),
            st.lists(st.text("ab-_1", min_size=1, max_size=3), min_size=2, max_size=4),
        ),
        max_size=30,
    )
)
def test_names_come_in_the_order_of_their_texts(
    held: list[tuple[str, list[str]]],
) -> None:
    """Whatever their form; what is excluded stands apart, in the order of its lines."""
    lines = [prefix + ".".join((*labels, "x")) for prefix, labels in held]
    harvested = Harvest(ANSWER, force=False, lists="names")
    for _ in harvested.bring_in(io.BytesIO("\n".join(lines).encode()), pytest.fail):
        pass
    texts = [text for _, array in harvested.batches(4) for text in json.loads(array)]

    assert texts == sorted(line for line in lines if line[0] != "!")
    assert [str(name) for name in harvested.excluded] == [
        line[1:] for line in lines if line[0] == "!"
    ]
