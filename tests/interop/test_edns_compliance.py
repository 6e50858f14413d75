"""ISC's tests of EDNS compliance, by the dig commands that it gives for them: all read "ok"."""

from __future__ import annotations

from collections.abc import Callable

from digging import Dug, dig
from house import House
from running import Running

TESTS = {
    "edns": "dig +edns=0 +nocookie +noad +norec SOA $zone @$server",
    "edns1": "dig +edns=1 +noednsneg +nocookie +noad +norec SOA $zone @$server",
    "edns@512": "dig +edns=0 +nocookie +noad +norec +dnssec +ignore +bufsize=512 DNSKEY $zone "
    "@$server",
    "ednsopt": "dig +edns=0 +nocookie +noad +norec +ednsopt=100 SOA $zone @$server",
    "edns1opt": "dig +edns=1 +noednsneg +nocookie +noad +norec +ednsopt=100 SOA $zone @$server",
    "do": "dig +edns=0 +nocookie +noad +norec +dnssec SOA $zone @$server",
    "ednsflags": "dig +edns=0 +nocookie +noad +norec +ednsflags=0x0080 SOA $zone @$server",
    "docookie": "dig +edns=0 +noad +norec +dnssec +cookie=0102030405060708 SOA $zone @$server",
    "edns512tcp": "dig +edns=0 +nocookie +noad +norec +dnssec +bufsize=512 +tcp DNSKEY $zone "
    "@$server",
    "optlist": "dig +edns=0 +noad +norec +nsid +subnet=0.0.0.0/0 +expire "
    "+cookie=0102030405060708 SOA $zone @$server",
}


def verdict(name: str, dug: Dug) -> str:
    """The words of ISC's reports: "ok", or all that is wrong."""
    negotiates = name.startswith("edns1")
    found: list[str] = []
    if dug.status != ("BADVERS" if negotiates else "NOERROR"):
        found.append(dug.status.lower())
    if dug.edns_version is None:
        found.append("noopt")
    elif dug.edns_version != 0:
        found.append("version")
    if "DNSKEY" not in TESTS[name] and dug.has_soa == negotiates:
        found.append("soa" if negotiates else "nosoa")
    if ("aa" in dug.flags) == negotiates:
        found.append("aa" if negotiates else "noaa")
    if "OPT=100" in dug.text or "CLIENT-SUBNET" in dug.text:
        found.append("echoed")
    if "MBZ" in dug.text:
        found.append("mbz")
    if "+dnssec" in TESTS[name] and "do" not in dug.edns_flags:
        found.append("nodo")
    return ",".join(found) or "ok"


def test_every_test_reads_ok(
    house: House, serve: Callable[..., Running], tool: Callable[[str], str]
) -> None:
    """EDNS versions, options, flags, DO, cookies, small buffers and TCP."""
    tool("dig")
    serve(house.file)

    found = {
        name: verdict(name, dig(command, "bl.example", house.dns_port))
        for name, command in TESTS.items()
    }

    assert found == dict.fromkeys(TESTS, "ok")
