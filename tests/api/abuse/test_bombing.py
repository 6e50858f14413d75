"""Whoever wants to flood a stranger with our mail: a thousand tries, and what comes of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass

import pytest
from house import House
from portal import Clock, Page, Portal

from api.form_token import FormTokens
from dnsbl.network import parse_address
from dnsbl.store import requests
from dnsbl.store.database import Database, open_reader

TRIES = 1000
AT_ONCE = 200
WIDE = "198.18.0.0/15"  # what a thousand addresses are listed by
HOUR_S = 3600
DAY_S = 86_400


@dataclass(frozen=True)
class Attempt:
    """Who asks, for what, to which mailbox."""

    client: str
    address: str
    mailbox: str


def spread(number: int) -> str:
    """An address inside what is listed, another for each number."""
    return f"198.18.{number // 250}.{number % 250 + 1}"


def everywhere(number: int) -> str:
    """A client, another network for each number."""
    return f"10.{number // 250}.{number % 250 + 1}.7"


class Crowd:
    """Many clients behind one trusted proxy, each with a good form."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._tokens = FormTokens(portal.clock)
        with closing(open_reader(portal.house.config.data.database)) as database:
            self._tokens.read_secret(database)

    async def attempt(self, attempt: Attempt) -> Page:
        client = parse_address(attempt.client)
        client = client.widened({4: 32, 6: 64}[client.family])
        fields = {
            "form_token": self._tokens.mint("request", str(client)),
            "email": attempt.mailbox,
            "ip": attempt.address,
        }
        return await self._portal.fetch("/", fields, headers={"X-Forwarded-For": attempt.client})

    async def accepted(self, attempts: list[Attempt], at_once: int = 20) -> int:
        """How many of them are accepted; the others are told of a limit."""
        gate = asyncio.Semaphore(at_once)

        async def one(attempt: Attempt) -> int:
            async with gate:
                return (await self.attempt(attempt)).status

        statuses = await asyncio.gather(*(one(attempt) for attempt in attempts))
        assert set(statuses) <= {303, 429}
        return statuses.count(303)


@asynccontextmanager
async def crowd(house: House, clock: Clock) -> AsyncIterator[tuple[Portal, Crowd]]:
    """A portal behind a proxy, with a wide listing."""
    text = house.file.read_text()
    if "trusted_proxies" not in text:
        house.file.write_text(text.replace("[portal]", '[portal]\ntrusted_proxies = ["127.0.0.1"]'))
    async with Portal(house, clock) as portal:
        if not await portal.listed():
            await portal.add(WIDE)
        yield portal, Crowd(portal)


def tagged(number: int) -> Attempt:
    """One mailbox, written in a thousand ways."""
    name = ("victim", "Victim", "VICTIM")[number % 3]
    domain = ("sender.example", "SENDER.example", "\uff53ender.example")[number % 3]
    return Attempt(everywhere(number), spread(number), f"{name}+{number}@{domain}")


def of_one_domain(number: int) -> Attempt:
    """A thousand mailboxes of one domain, and of a thousand names below it."""
    below = f"h{number}." if number % 2 else ""
    return Attempt(everywhere(number), spread(number), f"m{number}@{below}sender.example")


def of_one_client(number: int) -> Attempt:
    """A host that has a whole IPv6 /64 to come from."""
    return Attempt(f"2001:db8:0:1::{number:x}", spread(number), f"me@d{number}.example")


def for_one_address(number: int) -> Attempt:
    """A thousand strangers who name the same address."""
    return Attempt(everywhere(number), spread(1), f"me@d{number}.example")


@pytest.mark.parametrize(
    ("kind", "an_hour", "a_day"),
    [(tagged, 3, 5), (of_one_domain, 20, None), (of_one_client, 5, 20), (for_one_address, 1, 3)],
)
async def test_a_thousand_tries_make_as_many_mails_as_the_limit_says(
    house: House, clock: Clock, kind: Callable[[int], Attempt], an_hour: int, a_day: int | None
) -> None:
    """Two hundred at a time or one after the other, before and after a restart."""
    attempts = [kind(number) for number in range(TRIES)]
    async with crowd(house, clock) as (portal, people):
        assert await people.accepted(attempts[: TRIES // 2], AT_ONCE) == an_hour
        await portal.delivered()
        assert len(list(house.config.data.outbox.glob("*.eml"))) == an_hour
    async with crowd(house, clock) as (portal, people):
        assert await people.accepted(attempts[TRIES // 2 :], AT_ONCE) == 0

        if a_day is not None:
            made = an_hour
            for hour in range(1, 8):
                clock.at += HOUR_S + 1
                await portal.sidecar.truth.write(end_pending)
                start = hour * 30
                made += await people.accepted(attempts[start : start + 30])
            assert made == a_day
        states = await portal.sidecar.truth.read(requests.in_states)
        assert sum(states.values()) == (a_day or an_hour)


def end_pending(database: Database) -> None:
    """As if all that was asked before had come to its end: what limits by day is left."""
    database.change("UPDATE delist_requests SET state = 'cancelled'")


async def test_two_hundred_at_once_for_one_mailbox_are_three(house: House, clock: Clock) -> None:
    """The limit is looked at in the transaction that takes the request: none slips between."""
    async with crowd(house, clock) as (_, people):
        assert await people.accepted([tagged(number) for number in range(AT_ONCE)], AT_ONCE) == 3


@pytest.mark.parametrize(
    ("address", "owner"), [("198.18.0.9", "198.18.0.9"), ("2001:db8::9", "2001:db8::77")]
)
async def test_a_stranger_cannot_shut_an_owner_out(
    house: House, clock: Clock, address: str, owner: str
) -> None:
    """Whatever others asked for an address, who asks from it is heard, by limits of its own.

    Who asks from elsewhere reads so.
    """
    async with crowd(house, clock) as (portal, people):
        await portal.add("2001:db8::/64")
        for number in range(4):
            await people.attempt(Attempt(everywhere(number), address, f"x@d{number}.example"))
            await portal.sidecar.truth.write(end_pending)
        other = await people.attempt(Attempt("192.0.2.1", address, "me@sender.example"))
        assert other.status == 429
        assert "hostmaster@bl.example" in other.text
        assert "comes from the IP address itself is not held up" in other.text

        mine = [Attempt(owner, address, f"me@d{number}.example") for number in range(9)]
        statuses = [(await people.attempt(each)).status for each in mine]

    assert statuses == [303] * 5 + [429] * 4


async def test_dots_make_another_mailbox(house: House, clock: Clock) -> None:
    """Only some providers drop them: limits count m.e@ and me@ as two."""
    async with crowd(house, clock) as (_, people):
        attempts = [
            Attempt(everywhere(number), spread(number), f"{name}@sender.example")
            for number, name in enumerate(("me", "m.e", "me+a", "m.e+a", "me+b", "m.e+b", "me+c"))
        ]

        assert [(await people.attempt(each)).status for each in attempts] == [303] * 6 + [429]
