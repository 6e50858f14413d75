"""Which domains are sent no mail: by what the DNS says of them, and not by what it fails to say."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import dns.rcode
import pytest
from house import House
from portal import LISTED, SENDER, Clock, Portal
from scripted_dns import Script, aliases, records

from api.mail_domain import can_get_mail
from api.resolver import Resolver
from dnsbl.store.request_states import State


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    """The name server."""
    async with Script() as script:
        script.say(
            records("mx.example", "MX", "10 mail.mx.example."),
            records("null.example", "MX", "0 ."),
            records("odd.example", "MX", "0 .", "10 mail.odd.example."),
            records("ipv4.example", "A", "192.0.2.1"),
            records("ipv6.example", "AAAA", "2001:db8::1"),
            records("text.example", "TXT", '"v=spf1 -all"'),
            *aliases("alias.example", "MX", "mx.example"),
            records("alias.example", "MX", "10 mail.mx.example.", owner="mx.example"),
        )
        yield script


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("mx.example", True),
        ("alias.example", True),
        ("odd.example", True),
        ("ipv4.example", True),
        ("ipv6.example", True),
        ("null.example", False),
        ("text.example", False),
        ("nobody.example", False),
    ],
)
async def test_a_domain_gets_mail_by_mx_or_address(
    script: Script, domain: str, *, expected: bool
) -> None:
    """RFC 5321 §5.1: MX records, else the domain's own address; RFC 7505: not with a null MX."""
    assert await can_get_mail(Resolver(script.config()), domain) is expected


async def test_a_null_mx_holds_though_there_is_an_address(script: Script) -> None:
    """RFC 7505 §3: so a web site says that it has no mail."""
    script.say(records("null.example", "A", "192.0.2.1"))

    assert await can_get_mail(Resolver(script.config()), "null.example") is False


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, None])
async def test_what_is_not_known_stops_no_mail(
    script: Script, rcode: dns.rcode.Rcode | None
) -> None:
    """Nor is it told apart by the one who asked: a server in trouble, or silent."""
    if rcode is None:
        script.silent = True
    else:
        script.otherwise = rcode

    assert await can_get_mail(Resolver(script.config(timeout_s=1)), "other.example") is True


async def test_trouble_with_the_addresses_stops_none_either(script: Script) -> None:
    """There is no MX record, and of the rest nothing is known."""
    script.ways["text.example", "A"] = lambda _: []

    assert await can_get_mail(Resolver(script.config(timeout_s=1)), "text.example") is True


async def test_without_a_resolver_all_domains_get_mail() -> None:
    """Their servers will tell."""
    assert await can_get_mail(None, "nobody.example") is True


async def asked_with(house: House, clock: Clock, script: Script, mailbox: str) -> tuple[str, State]:
    """The status page and the state of a request with that mailbox, once its mail is settled."""
    house.write_config(f'[resolver]\nservers = ["127.0.0.1:{script.port}"]\ntimeout_s = 1')
    async with Portal(house, clock) as portal:
        await portal.add(LISTED)
        page = await portal.ask(LISTED, mailbox)
        assert page.status == 303
        await portal.delivered()
        status = await portal.fetch(page.location)
        return status.text, await portal.state()


def mails(house: House) -> int:
    """How many were written."""
    return len(list(house.config.data.outbox.glob("*.eml")))


async def test_a_domain_that_gets_no_mail_is_sent_none(
    house: House, clock: Clock, script: Script
) -> None:
    """And whoever asked sees what everybody sees: the page tells nobody which domains take mail."""
    shown, state = await asked_with(house, clock, script, "somebody@null.example")

    assert mails(house) == 0
    assert state is State.MAIL_SENT
    assert "null.example" in shown
    assert script.count("null.example", "MX") == 1


async def test_mail_goes_though_the_name_server_is_in_trouble(
    house: House, clock: Clock, script: Script
) -> None:
    """A silent resolver costs a moment, not the mail."""
    script.silent = True

    _, state = await asked_with(house, clock, script, SENDER)

    assert (mails(house), state) == (1, State.MAIL_SENT)


async def test_both_see_the_same_page(house: House, clock: Clock, script: Script) -> None:
    """But for the domain that they named themselves."""
    gets_none, _ = await asked_with(house, clock, script, "somebody@null.example")
    house.config.data.database.unlink()

    gets_some, _ = await asked_with(house, clock, script, "somebody@ipv4.example")

    def plain(text: str, domain: str) -> str:
        return re.sub(r"\d{14}\S*\.eml|\S+\.eml", "FILE", text.replace(domain, "DOMAIN"))

    assert plain(gets_none, "null.example") == plain(gets_some, "ipv4.example")
