"""Which mailboxes and clients prove control of an address, by what its DNS says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import dns.rcode
import pytest
from house import ZONE_TEXT, House
from scripted_dns import Script, aliases, records

from api.proof import prove, proven
from api.resolver import Resolver
from dnsbl.config import ResolverConfig
from dnsbl.delist.case import Case, Proof
from dnsbl.delist.policy import Shortfall
from dnsbl.network import parse
from dnsbl.store.request_items import LINE_CHARS_MAX

ADDRESS = "203.0.113.7"
REVERSE = "7.113.0.203.in-addr.arpa"
IPV6 = "2001:db8::7"
REVERSE_IPV6 = f"7{'.0' * 23}.8.b.d.0.1.0.0.2.ip6.arpa"
ELSEWHERE = "198.51.100.1/32"


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    """The name server; the addresses bear a name of sender.co.uk."""
    async with Script() as script:
        script.say(
            records(REVERSE, "PTR", "mx.eu.sender.co.uk."),
            records("mx.eu.sender.co.uk", "A", ADDRESS),
            records(REVERSE_IPV6, "PTR", "mx.eu.sender.co.uk."),
            records("mx.eu.sender.co.uk", "AAAA", IPV6),
        )
        yield script


@pytest.fixture
def resolver(script: Script) -> Resolver:
    """Asks that server."""
    return Resolver(script.config())


async def level(
    resolver: Resolver, mailbox: str, address: str = ADDRESS, client: str = ELSEWHERE
) -> int:
    """What a mailbox and a client prove."""
    return (await prove(parse(address), mailbox, parse(client), resolver)).level


@pytest.mark.parametrize("address", [ADDRESS, IPV6])
@pytest.mark.parametrize(
    ("mailbox", "expected"),
    [
        ("jo@mx.eu.sender.co.uk", 1),
        ("jo@eu.sender.co.uk", 1),
        ("jo@Sender.CO.UK", 1),
        ("jo@other.sender.co.uk", 0),
        ("jo@x.mx.eu.sender.co.uk", 0),
        ("jo@co.uk", 0),
        ("jo@uk", 0),
        ("jo@notsender.co.uk", 0),
        ("jo@sender.co.uk.example", 0),
        ("postmaster@sender.co.uk", 2),
        ("Abuse@sender.co.uk", 2),
        ("abuse@mx.eu.sender.co.uk", 2),
        ("abuse@other.example", 0),
        ("postmaster+x@sender.co.uk", 1),
    ],
)
async def test_a_mailbox_proves_by_its_domain(
    resolver: Resolver, address: str, mailbox: str, expected: int
) -> None:
    """That of the confirmed reverse name or one that it lies in, and never a public suffix."""
    assert await level(resolver, mailbox, address) == expected


async def test_the_domains_that_would_do_are_told(resolver: Resolver) -> None:
    """The shortest first; before anybody has named a mailbox as well."""
    proof = await prove(parse(ADDRESS), "", parse(ELSEWHERE), resolver)

    assert proof == Proof(0, ("sender.co.uk", "eu.sender.co.uk", "mx.eu.sender.co.uk"))


@pytest.mark.parametrize(
    ("address", "client", "expected"),
    [
        (ADDRESS, f"{ADDRESS}/32", 3),
        (ADDRESS, "203.0.113.8/32", 0),
        (IPV6, "2001:db8::/64", 3),
        ("2001:db8::/64", "2001:db8::/64", 3),
        (IPV6, "2001:db8:0:1::/64", 0),
        (ADDRESS, "2001:db8::/64", 0),
    ],
)
async def test_a_request_from_the_address_proves_most(
    resolver: Resolver, address: str, client: str, expected: int
) -> None:
    """Whatever the mailbox; of IPv6 the /64, since a host there changes its address at will."""
    assert await level(resolver, "jo@other.example", address, client) == expected


async def test_from_the_address_needs_no_dns() -> None:
    """The network says it all."""
    proof = await prove(parse(ADDRESS), "jo@other.example", parse(ADDRESS), None)

    assert proof == Proof(3, ())


async def test_a_reverse_name_that_does_not_lead_back_proves_nothing(
    script: Script, resolver: Resolver
) -> None:
    """Anybody may write anybody's name into his reverse zone."""
    script.say(
        records("9.113.0.203.in-addr.arpa", "PTR", "mx.bank.example."),
        records("mx.bank.example", "A", "192.0.2.1"),
    )

    assert await prove(
        parse("203.0.113.9"), "postmaster@bank.example", parse(ELSEWHERE), resolver
    ) == Proof(0, ())


@pytest.mark.parametrize("name", ["compute-1.amazonaws.com", "co.uk", "com", "github.io"])
async def test_a_public_suffix_is_nobodys(script: Script, resolver: Resolver, name: str) -> None:
    """Though an address has it as its confirmed name."""
    script.say(
        records("9.113.0.203.in-addr.arpa", "PTR", f"{name}."), records(name, "A", "203.0.113.9")
    )

    assert await prove(
        parse("203.0.113.9"), f"postmaster@{name}", parse(ELSEWHERE), resolver
    ) == Proof(0, ())


async def test_a_reverse_name_may_come_by_an_alias(script: Script, resolver: Resolver) -> None:
    """RFC 2317: so it is delegated below a /24."""
    alias = "9.8-15.113.0.203.in-addr.arpa"
    script.say(
        *aliases("9.113.0.203.in-addr.arpa", "PTR", alias),
        records("9.113.0.203.in-addr.arpa", "PTR", "mx.small.example.", owner=alias),
        records("mx.small.example", "A", "203.0.113.9"),
    )

    assert await level(resolver, "abuse@small.example", "203.0.113.9") == 2


@pytest.mark.parametrize(
    ("mx", "expected"),
    [
        (["10 a.customer.example."], 1),
        (["10 a.customer.example.", "20 b.customer.example."], 1),
        (["10 a.customer.example.", "20 elsewhere.example."], 0),
        (["10 elsewhere.example."], 0),
        (["10 nobody.example."], 0),
        (["0 ."], 0),
        (["0 .", "10 a.customer.example."], 0),
        ([f"{number} a.customer.example." for number in range(10)], 1),
        ([f"10 a{number}.customer.example." for number in range(11)], 0),
    ],
)
async def test_a_domain_all_of_whose_mail_goes_to_the_address_proves(
    script: Script, resolver: Resolver, mx: list[str], expected: int
) -> None:
    """By its MX hosts, ten at most; and no more than a mailbox does, postmaster or not."""
    script.say(
        records("customer.example", "MX", *mx),
        records("a.customer.example", "A", ADDRESS),
        records("b.customer.example", "A", "192.0.2.1", ADDRESS),
        records("elsewhere.example", "A", "192.0.2.1"),
        *(records(f"a{number}.customer.example", "A", ADDRESS) for number in range(11)),
    )

    assert await level(resolver, "jo@customer.example") == expected
    assert await level(resolver, "postmaster@customer.example") == expected


async def test_a_domain_without_mx_records_is_its_own_host(
    script: Script, resolver: Resolver
) -> None:
    """RFC 5321 §5.1."""
    script.say(records("customer.example", "A", ADDRESS))

    assert await level(resolver, "jo@customer.example") == 1
    assert await level(resolver, "jo@nobody.example") == 0


@pytest.mark.parametrize("name", ["a b.example", "<b>.example", "\\000.example", "x-.example"])
async def test_odd_names_are_passed_over(script: Script, resolver: Resolver, name: str) -> None:
    """What is no host name is shown to nobody."""
    name = name.replace(" ", "\\032")
    script.say(
        records("9.113.0.203.in-addr.arpa", "PTR", f"{name}.", "mx.good.example."),
        records("mx.good.example", "A", "203.0.113.9"),
        records(name, "A", "203.0.113.9"),
    )

    proof = await prove(parse("203.0.113.9"), "jo@good.example", parse(ELSEWHERE), resolver)

    assert proof == Proof(1, ("good.example", "mx.good.example"))


async def test_ten_reverse_names_are_looked_at(script: Script, resolver: Resolver) -> None:
    """Of a thousand: the first of the alphabet, so that it is the same ones each time."""
    names = [f"h{number:04}.d{number:04}.example" for number in range(1000)]
    script.say(
        records("9.113.0.203.in-addr.arpa", "PTR", *(f"{name}." for name in reversed(names))),
        *(records(name, "A", "203.0.113.9") for name in names),
    )

    assert await level(resolver, "abuse@d0009.example", "203.0.113.9") == 2
    assert await level(resolver, "abuse@d0010.example", "203.0.113.9") == 0
    assert len({name for name, kind, _ in script.asked if kind == "A"} & set(names)) == 10


async def test_few_domains_are_told(script: Script, resolver: Resolver) -> None:
    """Six, and none cut short: the note of a decision holds the longest names whole too."""
    names = [".".join([f"{number:a>60}"] * 3) + ".example" for number in range(10)]
    reverse = "9.113.0.203.in-addr.arpa"
    script.say(
        records(
            REVERSE.replace("7", "8", 1), "PTR", *(f"h.d{number}.example." for number in range(9))
        ),
        *(records(f"h.d{number}.example", "A", "203.0.113.8") for number in range(9)),
        records(reverse, "PTR", *(f"{name}." for name in names)),
        *(records(name, "A", "203.0.113.9") for name in names),
    )

    short = await prove(parse("203.0.113.8"), "", parse(ELSEWHERE), resolver)
    long = await prove(parse("203.0.113.9"), "", parse(ELSEWHERE), resolver)
    note = Shortfall(0, 1, long.domains).note
    assert short.domains == tuple(f"d{number}.example" for number in range(6))
    assert 3 <= len(long.domains) <= 6
    assert len(note) <= LINE_CHARS_MAX
    assert Shortfall.read(note) == Shortfall(0, 1, long.domains)


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
async def test_trouble_proves_nothing(
    script: Script, resolver: Resolver, rcode: dns.rcode.Rcode
) -> None:
    """And disturbs nobody."""
    script.otherwise = rcode

    assert await level(resolver, "jo@trouble.example", "203.0.113.99") == 0


async def test_what_is_known_in_time_counts(script: Script) -> None:
    """A name of two that hangs costs three seconds, not the other one's proof."""
    script.say(
        records("9.113.0.203.in-addr.arpa", "PTR", "mx.good.example.", "mx.slow.example."),
        records("mx.good.example", "A", "203.0.113.9"),
    )
    script.ways["mx.slow.example", "A"] = lambda _: []
    slow = Resolver(script.config())
    started_at = time.monotonic()

    proof = await prove(parse("203.0.113.9"), "abuse@good.example", parse(ELSEWHERE), slow)
    assert proof == Proof(2, ("good.example", "mx.good.example"))
    assert 2.9 < time.monotonic() - started_at < 8


async def test_a_silent_server_is_waited_for_three_seconds(script: Script) -> None:
    """Whatever one question may take."""
    script.silent = True
    slow = Resolver(script.config())
    started_at = time.monotonic()

    assert await level(slow, "abuse@sender.co.uk") == 0
    assert 2.9 < time.monotonic() - started_at < 8


async def test_a_hundred_visitors_prove_at_once(script: Script, resolver: Resolver) -> None:
    """And ask the name server no more often than one does."""
    levels = await asyncio.gather(*(level(resolver, "abuse@sender.co.uk") for _ in range(100)))

    assert levels == [2] * 100
    assert len(script.asked) == len(set(script.asked)) <= 4


CASE = Case(
    request_id=1, address=ADDRESS, mailbox="jo@sender.co.uk", client=ELSEWHERE, language="en",
    zone="bl.example", category="spam", network=f"{ADDRESS}/32", exact=True, reason="", source="",
    listed_at=0, expires_at=None, evidence_at=0, delistings=(), asked_at=1000, confirmed_at=1000,
    proven=0, proof_domains=(), now=1000,
)  # fmt: skip


@pytest.mark.parametrize(
    ("category", "delistings", "expected"),
    [("spam", (), 0), ("spam", (900,), 1), ("strict", (), 1), ("gone", (900,), 0)],
)
async def test_nothing_is_looked_up_that_nobody_asks_for(
    house: House,
    script: Script,
    resolver: Resolver,
    category: str,
    delistings: tuple[int, ...],
    expected: int,
) -> None:
    """A first removal, of which no proof is wanted, waits for no name server."""
    house.write_zone(f"""{ZONE_TEXT}
[category.strict]
answer = "127.0.0.3"
text = "$"
policy.proof = 1
""")
    house.write_config('[resolver]\nservers = ["127.0.0.1"]')
    case = replace(CASE, category=category, delistings=delistings)

    (made,) = await proven([case], house.config, resolver)

    assert (made.proven, bool(script.asked)) == (expected, expected > 0)
    assert made == replace(case, proven=made.proven, proof_domains=made.proof_domains)


def test_without_servers_there_is_no_resolver() -> None:
    """It is not made by mistake."""
    with pytest.raises(AssertionError):
        Resolver(ResolverConfig())
