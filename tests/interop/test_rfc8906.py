"""RFC 8906 §8, each of its checks by the dig command that it gives.

§8.2.7 asks for a truncated DNSKEY answer of a signed zone, which ours are not: it is made all the
same, as its note says, for OPT in the reply.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from digging import Dug, dig
from house import ZONE_TEXT, House, free_port
from running import PROGRAM, PURE, Running

BASIC = {
    "8.1.1": "dig +noedns +noad +norec soa $zone @$server",
    "8.1.2": "dig +noedns +noad +norec type1000 $zone @$server",
    "8.1.3.1": "dig +noedns +noad +norec +cd soa $zone @$server",
    "8.1.3.2": "dig +noedns +norec +ad soa $zone @$server",
    "8.1.3.3": "dig +noedns +noad +norec +zflag soa $zone @$server",
    "8.1.3.4": "dig +noedns +noad +rec soa $zone @$server",
    "8.1.4": "dig +noedns +noad +opcode=15 +norec +header-only @$server",
    "8.1.5": "dig +noedns +noad +norec +tcp soa $zone @$server",
}
EXTENDED = {
    "8.2.1": "dig +nocookie +edns=0 +noad +norec soa $zone @$server",
    "8.2.2": "dig +nocookie +edns=1 +noednsneg +noad +norec soa $zone @$server",
    "8.2.3": "dig +nocookie +edns=0 +noad +norec +ednsopt=100 soa $zone @$server",
    "8.2.4": "dig +nocookie +edns=0 +noad +norec +ednsflags=0x40 soa $zone @$server",
    "8.2.5": "dig +nocookie +edns=1 +noednsneg +noad +norec +ednsflags=0x40 soa $zone @$server",
    "8.2.6": "dig +nocookie +edns=1 +noednsneg +noad +norec +ednsopt=100 soa $zone @$server",
    "8.2.7": "dig +norec +dnssec +bufsize=512 +ignore dnskey $zone @$server",
    "8.2.8": "dig +nocookie +edns=0 +noad +norec +dnssec soa $zone @$server",
    "8.2.9": "dig +nocookie +edns=1 +noednsneg +noad +norec +dnssec soa $zone @$server",
    "8.2.10": "dig +edns=0 +noad +norec +cookie +nsid +expire +subnet=0.0.0.0/0 soa $zone @$server",
}
CHECKS = BASIC | EXTENDED
WITHOUT_SOA = {"8.1.2", "8.1.4", "8.2.7"}

AGGREGATE = ("all.example", 'include = ["bl.example", "spam.bl.example"]\n')

# What the file of the zone that is asked begins with, for a zone of each kind; and its origin.
KINDS = {
    "addresses": ("bl.example", ""),
    "names": ("bl.example", 'lists = "names"\n'),
    "aggregate": AGGREGATE,
    "aggregate in pure Python": AGGREGATE,
    "aggregate with listings of its own": ("all.example", 'include = ["bl.example"]\n'),
    "sublist": ("spam.bl.example", ""),
    "allow-list": ("bl.example", 'reputation = "good"\n'),
    "keys optional": ("bl.example", 'keys.mode = "optional"\n'),
    "keys required": ("bl.example", 'keys.mode = "required"\n'),
}


@pytest.fixture(scope="module", params=KINDS)
def zone_and_port(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    tool: Callable[[str], str],
) -> Iterator[tuple[str, int]]:
    """Those of a server with a zone of one kind, whose origin is given."""
    tool("dig")
    house = House(tmp_path_factory.mktemp("house"), free_port(), free_port())
    asked, lines = KINDS[request.param]
    for origin in {"bl.example", "spam.bl.example", asked}:
        text = ZONE_TEXT.replace('origin = "bl.example"', f'origin = "{origin}"')
        if origin == asked:
            text = lines + text.replace('delist = "self"\n', "")
            if (asked, lines) == AGGREGATE:
                text = text[: text.index("[category")]
        house.write_zone(text, origin)
    house.write_config()
    program = PURE if "pure" in request.param else PROGRAM
    running = Running(house.file, "dns", program=program)
    running.wait_for("ready")
    yield asked, house.dns_port
    running.stop()


def expect(check: str, dug: Dug) -> None:
    """What the RFC expects of the reply to a check."""
    negotiates = "+edns=1" in CHECKS[check]
    assert dug.status == ("NOTIMP" if check == "8.1.4" else "BADVERS" if negotiates else "NOERROR")
    assert dug.has_soa == (check not in WITHOUT_SOA and not negotiates)
    flags = {"qr"} if check == "8.1.4" or negotiates else {"qr", "aa"}
    assert dug.flags == flags | ({"rd"} if check == "8.1.3.4" else set())
    assert "MBZ" not in dug.text
    # dig asks for cookies unless told not to, and we know no other of the options of §8.2.10
    has_cookie = check in EXTENDED and "+nocookie" not in CHECKS[check]
    assert [option.split(":")[0] for option in dug.options] == ["COOKIE"] * has_cookie
    assert dug.edns_version == (None if check in BASIC else 0)
    assert dug.edns_flags == ("do" if "+dnssec" in CHECKS[check] else "")
    if check == "8.1.2":
        assert dug.counts[1] == 0
    if check == "8.1.4":
        assert dug.opcode == "RESERVED15"
        assert dug.counts == (0, 0, 0, 0)
    if check == "8.1.5":
        assert "(TCP)" in dug.text


@pytest.mark.parametrize("check", CHECKS)
def test_the_reply_is_as_rfc_8906_expects(check: str, zone_and_port: tuple[str, int]) -> None:
    """A check of §8 passes, for a zone of each kind."""
    expect(check, dig(CHECKS[check], *zone_and_port))
