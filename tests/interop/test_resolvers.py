"""Mail servers ask through resolvers, and resolvers have ways of their own.

Each is asked twice over: where it finds the list from the root down, and where it is told of it by
the lines in docs/mail-servers.md. All of them validate, against a root that is signed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_address

import dns.rcode
import dns.rdatatype
import pytest
from internet import (
    IN_RANGE,
    KINDS,
    LISTED,
    LISTED_DOMAIN,
    LISTED_IPV6,
    LISTS,
    PORTAL,
    Internet,
    Plan,
)
from resolvers import RESOLVERS
from wiretap import Wiretap

TTL_S, NEGATIVE_TTL_S = 300, 60

NEIGHBOURS = ["192.0.2.98", "2001:db8::98"]  # only the last label tells them from listed ones
LONELY = "100.64.0.99"  # nothing of 100.0.0.0/8 is listed


def question(address: str) -> str:
    """The name that stands for an address."""
    reverse = ip_address(address).reverse_pointer
    return f"{reverse.removesuffix('.in-addr.arpa').removesuffix('.ip6.arpa')}.bl.example"


@pytest.fixture(
    scope="module",
    params=[(name, told) for name in RESOLVERS for told in (False, True)],
    ids=lambda param: f"{param[0]}-{'told' if param[1] else 'delegated'}",
)
def resolver(
    request: pytest.FixtureRequest,
    internet: Callable[..., Internet],
    tool: Callable[[str], str],
) -> Iterator[tuple[Internet, Wiretap]]:
    """An internet with a resolver, and what that asks of the list."""
    name, told = request.param
    tool(name)
    origins = ("bl.example",) if told else tuple(KINDS)
    made = internet(Plan(origins, TTL_S, NEGATIVE_TTL_S, hidden=told))
    RESOLVERS[name](made, told=told)
    made.until_answered("mx.example", "A")
    with Wiretap(made.namespace, *LISTS) as wiretap:
        yield made, wiretap


Resolver = tuple[Internet, Wiretap]


def test_a_proof_that_the_root_has_no_such_name_hides_no_list(resolver: Resolver) -> None:
    """After a signed denial that covers its name (RFC 8198), a list it was told is still asked."""
    made, _ = resolver
    assert made.ask("aa.example").rcode() == dns.rcode.NXDOMAIN

    assert made.ask("bl.example", "SOA").rcode() == dns.rcode.NOERROR


@pytest.mark.parametrize("address", [LISTED, LISTED_IPV6, IN_RANGE])
def test_a_listed_address_resolves(resolver: Resolver, address: str) -> None:
    """Every name above it is asked first, and none is NXDOMAIN: A and TXT come through."""
    made, _ = resolver

    listed = made.ask(question(address))
    reason = made.ask(question(address), "TXT")
    assert [record.to_text() for rrset in listed.answer for record in rrset] == ["127.0.0.2"]
    assert 0 < listed.answer[0].ttl <= TTL_S
    assert f"{PORTAL}/?ip={address}" in reason.answer[0].to_text()


def test_names_are_minimised(resolver: Resolver, request: pytest.FixtureRequest) -> None:
    """The other tests prove something: the resolver does ask for less than the whole name."""
    made, wiretap = resolver
    wiretap.asked()
    for address in ("203.0.113.129", "203.0.113.130"):  # of a range that no other test asks for
        assert made.ask(question(address)).answer

    asked = [name for name, _ in wiretap.asked()]
    assert question("203.0.113.129") in asked
    if "kresd-told" not in request.node.name:  # its policy.STUB passes questions on as they are
        assert "203.bl.example" in asked


@pytest.mark.parametrize("address", NEIGHBOURS)
def test_an_unlisted_address_is_asked_for_once(resolver: Resolver, address: str) -> None:
    """It is NXDOMAIN for the zone's negative TTL, and meanwhile the list is left alone."""
    made, wiretap = resolver

    first = made.ask(question(address))
    assert question(address) in [name for name, _ in wiretap.asked()]
    second = made.ask(question(address))
    assert first.rcode() == second.rcode() == dns.rcode.NXDOMAIN
    assert 0 < second.authority[0].ttl <= NEGATIVE_TTL_S
    assert second.authority[0].rdtype == dns.rdatatype.SOA
    assert wiretap.asked() == []


def test_an_address_among_unlisted_ones_is_soon_asked_for_no_more(resolver: Resolver) -> None:
    """Where nothing above it exists either, a strict resolver asks each label once at most."""
    made, wiretap = resolver
    labels = LONELY.count(".") + 1

    for _ in range(labels):
        assert made.ask(question(LONELY)).rcode() == dns.rcode.NXDOMAIN
    wiretap.asked()
    assert made.ask(question(LONELY)).rcode() == dns.rcode.NXDOMAIN
    assert wiretap.asked() == []


@pytest.mark.parametrize(
    ("name", "kind", "found"),
    [
        ("bl.example", "NS", True),
        ("bl.example", "CAA", False),
        ("bl.example", "TYPE65280", False),
        (question(LISTED), "CAA", False),
        (question(LISTED), "AAAA", False),
    ],
)
def test_nothing_is_servfail(resolver: Resolver, name: str, kind: str, *, found: bool) -> None:
    """SOA and NS are there, and a type that a name has not is no data, for certificates too."""
    made, _ = resolver

    answer = made.ask(name, kind)
    assert answer.rcode() == dns.rcode.NOERROR
    assert bool(answer.answer) == found


def test_the_test_entries_resolve(resolver: Resolver) -> None:
    """127.0.0.2 is listed and 127.0.0.1 is not, for those who watch the list (RFC 5782 §5)."""
    made, _ = resolver

    assert made.ask(question("127.0.0.2")).rcode() == dns.rcode.NOERROR
    assert made.ask(question("127.0.0.1")).rcode() == dns.rcode.NXDOMAIN


def test_a_listed_domain_resolves(resolver: Resolver) -> None:
    """In a list of names too: the domain, what lies below it, and no other."""
    made, _ = resolver
    if "dbl.example" not in made.plan.origins:
        return  # the told ones know one list

    for domain in (LISTED_DOMAIN, f"mail.{LISTED_DOMAIN}"):
        assert made.ask(f"{domain}.dbl.example").answer
        assert (
            f"{domain} sends spam" in made.ask(f"{domain}.dbl.example", "TXT").answer[0].to_text()
        )
    assert made.ask("other.example.dbl.example").rcode() == dns.rcode.NXDOMAIN
