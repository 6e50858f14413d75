"""ISC's tests of EDNS compliance, by the dig commands that it gives for them: all read "ok".

Those of small buffers ask for DNSKEY of a signed zone, to be sent more than fits. Ours are not
signed, so TXT records that do not fit are asked for beside them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from digging import Dug, dig
from house import ZONE_TEXT, House, free_port
from running import PROGRAM, PURE, Running

LARGE = "2.0.0.127.$zone"  # it is listed in all categories
TESTS = {
    "dns": "dig +noedns +noad +norec SOA $zone @$server",
    "edns": "dig +edns=0 +nocookie +noad +norec SOA $zone @$server",
    "edns1": "dig +edns=1 +noednsneg +nocookie +noad +norec SOA $zone @$server",
    "edns@512": "dig +edns=0 +nocookie +noad +norec +dnssec +ignore +bufsize=512 DNSKEY $zone "
    "@$server",
    "edns@512 truncated": "dig +edns=0 +nocookie +noad +norec +dnssec +ignore +bufsize=512 "
    f"TXT {LARGE} @$server",
    "ednsopt": "dig +edns=0 +nocookie +noad +norec +ednsopt=100 SOA $zone @$server",
    "edns1opt": "dig +edns=1 +noednsneg +nocookie +noad +norec +ednsopt=100 SOA $zone @$server",
    "do": "dig +edns=0 +nocookie +noad +norec +dnssec SOA $zone @$server",
    "ednsflags": "dig +edns=0 +nocookie +noad +norec +ednsflags=0x0080 SOA $zone @$server",
    "docookie": "dig +edns=0 +noad +norec +dnssec +cookie=0102030405060708 SOA $zone @$server",
    "edns512tcp": "dig +edns=0 +nocookie +noad +norec +dnssec +bufsize=512 +tcp DNSKEY $zone "
    "@$server",
    "edns512tcp large": "dig +edns=0 +nocookie +noad +norec +dnssec +bufsize=512 +tcp "
    f"TXT {LARGE} @$server",
    "optlist": "dig +edns=0 +noad +norec +nsid +subnet=0.0.0.0/0 +expire "
    "+cookie=0102030405060708 SOA $zone @$server",
}
BYTES_MAX = 512  # what a client takes who says so, or nothing (RFC 1035 §4.2.1)
CATEGORIES = 8  # their texts together are longer than any datagram of ours


def text(number: int) -> str:
    """That of a category, for 127.0.0.2."""
    return f"{number}: banned sending IP [127.0.0.2]; {'and so on, ' * 15}"


@pytest.fixture(scope="module", params=["as installed", "pure"])
def port(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    tool: Callable[[str], str],
) -> Iterator[int]:
    """That of a server of a zone of many categories with long texts."""
    tool("dig")
    house = House(tmp_path_factory.mktemp("house"), free_port(), free_port())
    house.write_zone(
        ZONE_TEXT.partition("[category")[0]
        + "".join(
            f'[category.number{number}]\nanswer = "127.0.0.2"\n'
            f'text = "{text(number).replace("127.0.0.2", "$")}"\n'
            for number in range(CATEGORIES)
        )
    )
    house.write_config()
    running = Running(house.file, "dns", PURE if request.param == "pure" else PROGRAM)
    running.wait_for("ready")
    yield house.dns_port
    running.stop()


def verdict(name: str, dug: Dug) -> str:
    """The words of ISC's reports: "ok", or all that is wrong."""
    return ",".join([*wrong_in_header(name, dug), *wrong_in_edns(name, dug)]) or "ok"


def wrong_in_header(name: str, dug: Dug) -> Iterator[str]:
    """The status, the flags, and whether there is an answer."""
    negotiates = name.startswith("edns1")
    if dug.status != ("BADVERS" if negotiates else "NOERROR"):
        yield dug.status.lower()
    if "SOA" in TESTS[name] and dug.has_soa == negotiates:
        yield "soa" if negotiates else "nosoa"
    if ("aa" in dug.flags) == negotiates:
        yield "aa" if negotiates else "noaa"
    if dug.flags & {"rd", "ad", "cd"}:
        yield "flags"


def wrong_in_edns(name: str, dug: Dug) -> Iterator[str]:
    """OPT, its version, options and flags, and the size of the reply."""
    if (dug.edns_version is None) != (name == "dns"):
        yield "opt" if name == "dns" else "noopt"
    if dug.edns_version not in {None, 0}:
        yield "version"
    if not {option.split(":")[0] for option in dug.options} <= {"COOKIE"}:
        yield "echoed"
    if "MBZ" in dug.text:
        yield "mbz"
    if "+dnssec" in TESTS[name] and "do" not in dug.edns_flags:
        yield "nodo"
    if "+cookie" in TESTS[name] and not any("(good)" in option for option in dug.options):
        yield "nocookie"
    if "+tcp" not in TESTS[name] and dug.size_bytes > BYTES_MAX:
        yield "toobig"


@pytest.mark.parametrize("name", TESTS)
def test_every_test_reads_ok(port: int, name: str) -> None:
    """EDNS versions, options, flags, DO, cookies, small buffers and TCP."""
    assert verdict(name, dig(TESTS[name], "bl.example", port)) == "ok"


@pytest.mark.parametrize(
    ("options", "size_bytes_max"),
    [
        ("+noedns", 512),  # RFC 1035 §4.2.1
        ("+bufsize=512", 512),
        ("+bufsize=256", 512),  # RFC 6891 §6.2.3: it is meant as 512
        ("+bufsize=1232", 1232),
        ("+bufsize=4096", 1232),  # DNS Flag Day 2020
        ("+bufsize=1232 +dnssec +cookie", 1232),
    ],
)
def test_what_does_not_fit_is_truncated_and_whole_over_tcp(
    port: int, options: str, size_bytes_max: int
) -> None:
    """TC in a small reply, with OPT where the query has it; over TCP it is whole."""
    command = f"dig +norec +nocookie {options} TXT {LARGE} @$server"
    cut = dig(f"{command} +ignore", "bl.example", port)
    whole = dig(command, "bl.example", port)

    assert cut.status == whole.status == "NOERROR"
    assert cut.flags == {"qr", "aa", "tc"}
    assert cut.size_bytes <= size_bytes_max
    assert cut.edns_version == whole.edns_version == (None if options == "+noedns" else 0)
    assert whole.flags == {"qr", "aa"}
    assert re.search(r"Truncated, retrying in TCP", whole.text)
    assert sorted(whole.values("TXT")) == [f'"{text(number)}"' for number in range(CATEGORIES)]
