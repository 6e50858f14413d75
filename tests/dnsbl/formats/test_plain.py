"""The plain feed: one network or address a line."""

from __future__ import annotations

import io
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsbl.formats.plain import LINE_OCTETS_MAX, BadLine, Line, read, unlistable
from dnsbl.name import parse_name
from dnsbl.network import parse

ANSWER = IPv4Address("127.0.0.2")
FAULT_CHARS_MAX = 160  # what a person takes in at a glance, whatever the octets are


def lines(octets: bytes) -> list[Line | BadLine]:
    """What a feed of these octets says."""
    return list(read(io.BytesIO(octets), ANSWER))


@pytest.mark.parametrize(
    ("octets", "network"),
    [
        (b"192.0.2.1", "192.0.2.1/32"),
        (b"192.0.2.0/24\n", "192.0.2.0/24"),
        (b"2001:db8::1\r\n", "2001:db8::1/128"),
        (b"2001:DB8::/32\n", "2001:db8::/32"),
        (b"::ffff:192.0.2.1\n", "192.0.2.1/32"),
        (b"  192.0.2.1  \n", "192.0.2.1/32"),
        (b"192.0.2.1\t10\n", "192.0.2.1/32"),
        (b"192.0.2.1 , 10, x\n", "192.0.2.1/32"),
        (b"192.0.2.1 10\n", "192.0.2.1/32"),
        (b"  2001:db8::/32  spam - seen 3 times\n", "2001:db8::/32"),
        (b"192.0.2.1 - spam\n", "192.0.2.1/32"),
        (b"192.0.2.1 : two traps\n", "192.0.2.1/32"),
        (b"192.0.2.1 :2nd time\n", "192.0.2.1/32"),
        (b"192.0.2.1 # :127.0.0.10:why\n", "192.0.2.1/32"),
        (b"192.0.2.1 caff\xe8\n", "192.0.2.1/32"),
        (b"192.0.2.1 # spam trap\n", "192.0.2.1/32"),
        (b"192.0.2.0/24 ; SBL1\n", "192.0.2.0/24"),
        (b"192.0.2.1;SBL1\n", "192.0.2.1/32"),
        (b"192.0.2.1\tcaff\xe8\n", "192.0.2.1/32"),
        (b"192.0.2.1 # caff\xe8\n", "192.0.2.1/32"),
        (b"\xef\xbb\xbf192.0.2.1\r\n", "192.0.2.1/32"),
        (b"192.0.2.1 :127.0.0.2:why\n", "192.0.2.1/32"),
        (b"192.0.2.1\t :2\n", "192.0.2.1/32"),
        (b"192.0.2.1 :2 : why\n", "192.0.2.1/32"),
        (b"192.0.2.1 :127.0.0.2 why\n", "192.0.2.1/32"),
        (b"192.0.2.1 : 2 # why\n", "192.0.2.1/32"),
    ],
)
def test_a_line_names_a_network(octets: bytes, network: str) -> None:
    """Comments, columns, spaces, line ends and a byte order mark take nothing away from it."""
    assert lines(octets) == [Line(1, parse(network))]


@pytest.mark.parametrize(
    ("octets", "network"),
    [
        (b"!192.0.2.1", "192.0.2.1/32"),
        (b"  !192.0.2.0/24 # ours\r\n", "192.0.2.0/24"),
        (b"!2001:db8::1\n", "2001:db8::1/128"),
        (b"!::ffff:192.0.2.1,x\n", "192.0.2.1/32"),
        (b"!192.0.2.1 :127.0.0.10:why\n", "192.0.2.1/32"),
        (b"!10.1.2.3\n", "10.1.2.3/32"),
    ],
)
def test_a_line_excludes_a_network(octets: bytes, network: str) -> None:
    """After an exclamation mark, as in rbldnsd's files; what cannot be listed harms nobody here."""
    [line] = lines(octets)

    assert line == Line(1, parse(network), excludes=True)
    assert unlistable(line, force=False) is None


@pytest.mark.parametrize(
    "octets",
    [b"", b"\n", b"  \r\n", b"# comment\n", b"; comment\n", b" \t# x\n", b"# caff\xe8\n",
     b"\xef\xbb\xbf\n", b"\xef\xbb\xbf# x\n", b"#192.0.2.1\n", b"\t\n"],
)  # fmt: skip
def test_blank_lines_and_comments_say_nothing(octets: bytes) -> None:
    """They are passed over, and no fault."""
    assert lines(octets) == []


@pytest.mark.parametrize(
    ("octets", "fault"),
    [
        (b"example.com\n", "is not an IPv4 or IPv6 address"),
        (b"192.0.2\n", "is not an IPv4 or IPv6 address"),
        (b"192.0.2.256\n", "is not an IPv4 or IPv6 address"),
        (b"192.0.2.01\n", "is not an IPv4 or IPv6 address"),
        (b"spam 192.0.2.1\n", "is not an IPv4 or IPv6 address"),
        (b"192.0.2.1 - 192.0.2.9\n", "b'192.0.2.1' begins a range, or has a netmask"),
        (b"192.0.2.1\t-192.0.2.9\n", "begins a range, or has a netmask"),
        (b"2001:db8:: -  2001:db8::9\n", "begins a range, or has a netmask"),
        (b"192.0.2.0 / 24\n", "begins a range, or has a netmask"),
        (b"192.0.2.0 255.255.255.0\n", "write prefixes, such as 192.0.2.0/24"),
        (b"192.0.2.1 :127.0.0.10:policy\n", "b'192.0.2.1' has a value of its own (:127.0.0.10:)"),
        (b"192.0.2.1\t :10\n", "import the line into the category that answers so"),
        (b"2001:db8::/32 :127.0.0.10:why\n", "has a value of its own (:127.0.0.10:)"),
        (b"192.0.2.1 :3 : why\n", "has a value of its own (:3:)"),
        (b"192.0.2.1 :127.0.0.10 # why\n", "has a value of its own (:127.0.0.10:)"),
        (b"192.0.2.1 :127.0.0.10 why\n", "has a value of its own (:127.0.0.10:)"),
        (b"192.0.2.1 :127.0.0.10#why\n", "has a value of its own (:127.0.0.10:)"),
        (b"192.0.2.1\t:127.0.0.10;why\n", "has a value of its own (:127.0.0.10:)"),
        (b"192.0.2.1 :127.0.0.10,why\n", "has a value of its own (:127.0.0.10:)"),
        (b"192.0.2.1 :\t127.0.0.10\n", "has a value of its own (:127.0.0.10:)"),
        (b"192.0.2.1 : 3 traps\n", "has a value of its own (:3:)"),
        (b":x:why\n", "is not an IPv4 or IPv6 address"),
        (b"!0.0.0.0/0\n", "0.0.0.0/0 is the whole of IPv4; it is never excluded"),
        (b"!::/0\n", "the whole of IPv6; it is never excluded"),
        (b"! 192.0.2.1\n", "no address right after the exclamation mark"),
        (b"!192.0.2.1/24\n", "has host bits set; did you mean 192.0.2.0/24"),
        (b"!192.0.2.1 - 192.0.2.9\n", "begins a range, or has a netmask"),
        (b"!caff\xe8\n", "is not an address: it is no plain text"),
        (b"192.0.2.1-192.0.2.9\n", "is not an IPv4 or IPv6 address"),
        (b"192.0.2.1/24\n", "has host bits set; did you mean 192.0.2.0/24"),
        (b"192.0.2.0/33\n", "prefix length over 32"),
        (b"192.0.2.0/\n", "has no prefix length"),
        (b",192.0.2.1\n", "no address before the first comma"),
        (b"caff\xe8\n", "b'caff\\xe8' is not an address: it is no plain text"),
        (b"\x00\x01\n", "b'\\x00\\x01' is not an address: it is no plain text"),
        (b"\xff\xfe1\x00.\x00\n", "no plain text"),
        (b"1" * 500 + b"\n", "too long"),
        (b"#" * (LINE_OCTETS_MAX + 1) + b"\n", "longer than 4096 octets"),
    ],
)
def test_a_line_that_names_nothing_is_bad_and_says_why(octets: bytes, fault: str) -> None:
    """The fault is one sentence that a terminal can show, and the next line is read as ever."""
    bad, good = lines(octets + b"192.0.2.1\n")

    assert isinstance(bad, BadLine)
    assert bad.number == 1
    assert fault in bad.fault
    assert bad.fault.isprintable()
    assert len(bad.fault) < FAULT_CHARS_MAX
    assert good == Line(2, parse("192.0.2.1"))


@pytest.mark.parametrize(
    ("octets", "value"),
    [(b":127.0.0.10:why\n", "127.0.0.10"), (b" :10 \r\n", "10"), (b":10 : why\n", "10"),
     (b"\xef\xbb\xbf:127.0.1.2:\n", "127.0.1.2"), (b":127.0.0.255:" + b"x" * 999, "127.0.0.255"),
     (b":127.0.0.10 # why\n", "127.0.0.10"), (b":127.0.0.10#why\n", "127.0.0.10"),
     (b":127.0.0.10; why\n", "127.0.0.10"), (b":127.0.0.10,why\n", "127.0.0.10"),
     (b":127.0.0.10 why\n", "127.0.0.10"), (b":127.0.0.10\twhy\r\n", "127.0.0.10"),
     (b": 127.0.0.10 :why\n", "127.0.0.10"), (b" :\t10\n", "10")],
)  # fmt: skip
def test_a_value_for_all_lines_below_spoils_them(octets: bytes, value: str) -> None:
    """As rbldnsd's files have it; said in a sentence, and marked, for none of it may be listed."""
    fault = (
        f"all lines below it have the value :{value}:, not the category's 127.0.0.2; "
        "split the feed by value, and import each part into a category that answers so"
    )
    assert lines(octets) == [BadLine(1, fault, spoils=True)]
    assert len(fault) < FAULT_CHARS_MAX
    assert lines(octets.replace(value.encode(), b"2")) == []


def test_a_value_is_told_by_all_four_numbers() -> None:
    """The last alone means one of 127.0.0.0/24."""
    said = b"192.0.2.1 :2:\n192.0.2.3 :127.0.1.2:\n:2:\n:127.0.1.2:\n"
    found = list(read(io.BytesIO(said), IPv4Address("127.0.1.2")))

    assert [type(line) for line in found] == [BadLine, Line, BadLine]


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    """Comments, blank lines and lines of any length are lines."""
    octets = b"# one\n\n192.0.2.3\n" + b"x" * (5 * LINE_OCTETS_MAX) + b"\n\n192.0.2.6"

    assert [line.number for line in lines(octets)] == [3, 4, 6]


def test_a_line_of_just_the_bound_is_read() -> None:
    """The bound holds for what is longer, not for what is as long."""
    octets = b"192.0.2.1".ljust(LINE_OCTETS_MAX - 1) + b"\n"

    assert lines(octets) == [Line(1, parse("192.0.2.1"))]


def test_an_endless_line_is_never_held() -> None:
    """No more is asked of the stream at once than a line may have."""

    class Endless(io.RawIOBase):
        asked = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert 0 < size <= LINE_OCTETS_MAX + 1
            self.asked += 1
            return b"x" * size if self.asked < 1000 else b""

    [bad] = read(Endless(), ANSWER)  # type: ignore[arg-type]  # as much of a IO[bytes] as is used

    assert isinstance(bad, BadLine)


@given(st.binary(max_size=2000))
def test_random_octets_never_crash_the_reader(octets: bytes) -> None:
    """Each line says a network, a fault that can be shown, or nothing; numbers rise."""
    found = lines(octets)

    numbers = [line.number for line in found]
    assert numbers == sorted(set(numbers))
    assert all(1 <= number <= octets.count(b"\n") + 1 for number in numbers)
    faults = [line.fault for line in found if isinstance(line, BadLine)]
    assert all(fault.isprintable() and len(fault) < FAULT_CHARS_MAX for fault in faults)


@given(
    st.lists(
        st.tuples(
            st.ip_addresses().map(str),
            st.sampled_from(["", "\t3", ",x", " # y", "; z", "  ", " z"]),
            st.sampled_from(["\n", "\r\n", "\n\n", "\n# c\n"]),
        )
    )
)
def test_every_address_comes_back(written: list[tuple[str, str, str]]) -> None:
    """What is written with columns, comments and any line end is read whole, in order."""
    octets = "".join(address + rest + end for address, rest, end in written).encode()

    assert [line.network for line in lines(octets) if isinstance(line, Line)] == [
        parse(address) for address, _, _ in written
    ]


# Lists of names.


def names(octets: bytes) -> list[Line | BadLine]:
    """What a feed of names of these octets says."""
    return list(read(io.BytesIO(octets), ANSWER, "names"))


@pytest.mark.parametrize(
    ("octets", "name", "excludes"),
    [
        (b"example.com", "example.com", False),
        (b"  Example.COM.  \r\n", "example.com", False),
        (b"*.example.com\n", "*.example.com", False),
        (b".example.com # why\n", ".example.com", False),
        (b"example.com;x\n", "example.com", False),
        (b"example.com,3\n", "example.com", False),
        (b"example.com : two traps\n", "example.com", False),
        (b"!example.com :127.0.0.10:why\n", "example.com", True),
        (b"\xef\xbb\xbfexample.com\n", "example.com", False),
        (b"!example.com\n", "example.com", True),
        (b"!*.example.com\n", "*.example.com", True),
        (b"test\n", "test", False),
        (b"example.com - 7\n", "example.com", False),
    ],
)
def test_a_line_names_a_name(octets: bytes, name: str, excludes: bool) -> None:  # noqa: FBT001
    """In each of its forms, with columns and comments; after an exclamation mark an exclusion."""
    assert names(octets) == [Line(1, parse_name(name), excludes)]


@pytest.mark.parametrize(
    ("octets", "fault"),
    [
        (b"192.0.2.1\n", "it ends in a number, as addresses do"),
        (b"example.com :3:of its own\n", "b'example.com' has a value of its own (:3:)"),
        (b"example.com :3 # of its own\n", "b'example.com' has a value of its own (:3:)"),
        (b"0.0.0.0 example.com\n", "it ends in a number, as addresses do"),
        (b"||example.com^\n", "the label '||example' is not"),
        (b"! example.com\n", "it would be every name there is"),
        (b":127.0.0.3 x\n", "have the value :127.0.0.3:, not the category's 127.0.0.2"),
        (b":127.0.0.3:x\n", "have the value :127.0.0.3:, not the category's 127.0.0.2"),
        (b"$SOA 1\n", "the label '$SOA' is not"),
        (b".\n", "it would be every name there is"),
        (b",x\n", "there is no name before the first comma"),
        (b"b\xc3\xbccher.example\n", "is not a name: it is no plain text, or not in ASCII"),
        (b"a\0b\n", "is not a name"),
        (b"a" * 5000, "longer than 4096 octets"),
    ],
)
def test_a_line_that_names_no_name_is_bad(octets: bytes, fault: str) -> None:
    """Said in a sentence that a terminal can show."""
    [bad] = names(octets)

    assert isinstance(bad, BadLine)
    assert fault in bad.fault
    assert bad.fault.isprintable()
    assert len(bad.fault) < FAULT_CHARS_MAX


def test_all_below_a_top_level_domain_is_listed_only_if_meant() -> None:
    """An exclusion of it harms nobody."""
    lines = [line for line in names(b"*.com\n.zip\n!*.com\ncom\n") if isinstance(line, Line)]

    assert [unlistable(line, force=False) is None for line in lines] == [False, False, True, True]
    assert all(unlistable(line, force=True) is None for line in lines)
