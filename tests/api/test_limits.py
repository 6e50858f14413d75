"""How many requests are taken, from whom, and when the next one is."""

from __future__ import annotations

import asyncio

import pytest
from house import House
from portal import Clock, Portal

from dnsbl.store import requests
from dnsbl.store.database import Database

ADDRESS = "203.0.113.7"
MAILBOX = "postmaster@sender.example"
NETWORK_COUNTS = "Requests for addresses of one network count together"
NOT_FROM_ITSELF = "A request that comes from the IP address itself is not held up by this."


async def held(portal: Portal) -> int:
    """How many requests there are."""
    return sum((await portal.sidecar.truth.read(requests.in_states)).values())


async def test_one_request_at_a_time_for_an_address(portal: Portal) -> None:
    """While one waits for its confirmation, another is told until when; the mail is not doubled.

    It is no limit to who asks from the address, and the page says so.
    """
    await portal.add(ADDRESS)
    await portal.ask(ADDRESS, MAILBOX)

    again = await portal.ask(ADDRESS, "other@elsewhere.example")

    assert again.status == 429
    assert again.headers["Retry-After"] == "86400"
    assert "already" in again.text
    assert NOT_FROM_ITSELF in again.text
    assert await held(portal) == 1


async def test_one_request_at_a_time_for_a_listed_network_of_ipv6(
    house: House, clock: Clock
) -> None:
    """A removal takes the /64 off, so its addresses share a limit, and the page says so.

    Who asks from that /64 is held up by nobody's request.
    """
    text = house.file.read_text()
    house.file.write_text(text.replace("[portal]", '[portal]\ntrusted_proxies = ["127.0.0.1"]'))
    async with Portal(house, clock) as portal:
        await portal.add("2001:db8:0:1::/64")
        pages = [
            await portal.ask(
                f"2001:db8:0:1::{number}",
                f"me@d{number}.example",
                headers={"X-Forwarded-For": f"198.51.{number}.9"},
            )
            for number in range(1, 5)
        ]
        of_another = await portal.ask("2001:db8:0:2::1", "me@d5.example")
        own = await portal.ask(
            "2001:db8:0:1::5", "me@d6.example", headers={"X-Forwarded-For": "2001:db8:0:1::6"}
        )
        (first, _) = await portal.sidecar.truth.read(requests.of_address, "2001:db8:0:1::9", 9)

    assert [page.status for page in pages] == [303, 429, 429, 429]
    assert all(NETWORK_COUNTS in page.text for page in pages[1:])
    assert of_another.status == 200  # it is not listed
    assert own.status == 303
    assert first.address == "2001:db8:0:1::5"


@pytest.mark.parametrize(("network", "taken"), [("2001:db8:0:1::/64", 3), ("", 6)])
async def test_a_day_has_three_mails_for_what_a_removal_takes_off(
    house: House, clock: Clock, network: str, taken: int
) -> None:
    """A /64, or each address where addresses are listed one by one."""
    text = house.file.read_text()
    house.file.write_text(text.replace("[portal]", '[portal]\ntrusted_proxies = ["127.0.0.1"]'))
    async with Portal(house, clock) as portal:
        if network:
            await portal.add(network)
        pages = []
        for number in range(1, 7):
            address = f"2001:db8:0:1::{number}"
            if not network:
                await portal.add(address)
            pages.append(
                await portal.ask(
                    address,
                    f"me@d{number}.example",
                    headers={"X-Forwarded-For": f"198.51.{number}.9"},
                )
            )
            await portal.delivered()
            await portal.sidecar.truth.write(end_all)

    assert [page.status for page in pages] == [303] * taken + [429] * (6 - taken)


def end_all(database: Database) -> None:
    """No request is pending any more."""
    database.change("UPDATE delist_requests SET state = 'expired'")


async def test_twenty_requests_at_once_for_an_address_make_one(portal: Portal) -> None:
    """The limit holds among simultaneous forms too."""
    await portal.add(ADDRESS)
    fields = (await portal.fetch("/")).form("Submit").fields | {"ip": ADDRESS}

    pages = await asyncio.gather(
        *(portal.fetch("/", fields | {"email": f"a{n}@d{n}.example"}) for n in range(20))
    )

    assert sorted(page.status for page in pages) == [303] + [429] * 19


async def test_a_mailbox_gets_three_mails_an_hour(portal: Portal) -> None:
    """Whatever its +tag or its case; the fourth may come when the first is an hour old."""
    for number in range(4):
        await portal.add(f"203.0.113.{number}")
    for number, mailbox in enumerate(("me@a.example", "Me+x@a.example", "ME@A.example")):
        assert (await portal.ask(f"203.0.113.{number}", mailbox)).status == 303
        portal.clock.at += 60

    page = await portal.ask("203.0.113.3", "me+y@a.example")

    assert page.status == 429
    assert "has been sent its 3 mails for this hour." in page.text
    assert NOT_FROM_ITSELF not in page.text
    assert page.headers["Retry-After"] == str(3600 - 180)
    portal.clock.at += 3600 - 180
    assert (await portal.ask("203.0.113.3", "me+y@a.example")).status == 303


async def test_a_client_gets_five_requests_an_hour_across_a_restart(
    house: House, clock: Clock
) -> None:
    """Limits are counted in the database: a restart forgets none."""
    async with Portal(house, clock) as portal:
        for number in range(6):
            await portal.add(f"203.0.113.{number}")
            if number < 5:
                asked = await portal.ask(f"203.0.113.{number}", f"me@d{number}.example")
                assert asked.status == 303
    async with Portal(house, clock) as portal:
        page = await portal.ask("203.0.113.5", "me@d5.example")

    assert page.status == 429
    assert "Your network has used its 5 requests for this hour." in page.text


async def test_a_forged_forwarded_for_does_not_evade_limits(house: House, clock: Clock) -> None:
    """Without a trusted proxy, X-Forwarded-For is a stranger's claim."""
    async with Portal(house, clock) as portal:
        for number in range(6):
            await portal.add(f"203.0.113.{number}")
        pages = [
            await portal.ask(
                f"203.0.113.{number}",
                f"me@d{number}.example",
                headers={"X-Forwarded-For": f"198.51.100.{number}"},
            )
            for number in range(6)
        ]

    assert [page.status for page in pages] == [303] * 5 + [429]


async def test_a_trusted_proxy_tells_clients_apart(house: House, clock: Clock) -> None:
    """Behind a trusted proxy each client has its own limit, and its network is in the mail."""
    text = house.file.read_text()
    house.file.write_text(text.replace("[portal]", '[portal]\ntrusted_proxies = ["127.0.0.1"]'))
    async with Portal(house, clock) as portal:
        for number in range(6):
            await portal.add(f"203.0.113.{number}")
        pages = [
            await portal.ask(
                f"203.0.113.{number}",
                f"me@d{number}.example",
                headers={"X-Forwarded-For": f"6.6.6.6, 198.51.{number}.9"},
            )
            for number in range(6)
        ]
        await portal.delivered()

    assert {page.status for page in pages} == {303}
    mails = [mail.read_text() for mail in house.config.data.outbox.glob("*.eml")]
    assert any("198.51.5.0/24" in mail for mail in mails)
    assert not any("6.6.6" in mail for mail in mails)
