"""The look-up page, and the pages that a visitor reads before asking for anything."""

from __future__ import annotations

import random
from typing import Final

from dnsbl.network import parse
from dnsbl.store import delistings, statistics
from dnsbl.store.database import Database
from dnsbl.store.statistics import DAY_S
from gallery.scene import scene
from gallery.stage import GOOD, LISTED, MAIN, NAMES, WEB, Stage

_DAYS: Final = 30


@scene("look-up")
async def empty(stage: Stage) -> None:
    """The start: look an address up, or ask for its removal at once."""
    await stage.open("/")


@scene("listed")
async def listed(stage: Stage) -> None:
    """An address that is listed: where, why, since when, and the form."""
    await stage.add()
    await stage.open(f"/?ip={LISTED}")


@scene("listed-several")
async def several(stage: Stage) -> None:
    """Listed by several lists at once, each with its own rule; one form for all."""
    await stage.add()
    await stage.add(category="policy", reason="A range for dial-up lines", ends_in_days=None)
    await stage.add("203.0.113.0/24", "webform", zone=WEB, reason="Contact forms filled in by bots")
    await stage.add(category="known", zone=GOOD)
    await stage.open(f"/?ip={LISTED}")


@scene("listed-ipv6")
async def ipv6(stage: Stage) -> None:
    """A long IPv6 address within a listed network."""
    await stage.add("2001:db8:1234:5600::/56", reason="Mail to a spam trap")
    await stage.open("/?ip=2001:db8:1234:5678:9abc:def0:1234:5678")


@scene("listed-operator")
async def by_an_operator(stage: Stage) -> None:
    """A category that an operator decides about."""
    await stage.add(category="policy", reason="A range for dial-up lines")
    await stage.open(f"/?ip={LISTED}")


@scene("listed-never")
async def never(stage: Stage) -> None:
    """A category that is not removed on request."""
    await stage.add("203.0.113.0/24", "hijacked", reason="Announced by a stranger")
    await stage.open(f"/?ip={LISTED}")


@scene("listed-proof")
async def proof(stage: Stage) -> None:
    """A category that asks for a mailbox of the address's own domain."""
    await stage.add(category="exploit", reason="A bot's greeting")
    await stage.open(f"/?ip={LISTED}")


@scene("listed-again")
async def again(stage: Stage) -> None:
    """Listed again soon after a removal: there is a wait now."""
    await stage.add(days=1)
    await stage.delisted(3)
    await stage.open(f"/?ip={LISTED}")


@scene("not-listed")
async def unlisted(stage: Stage) -> None:
    """An address that no list has."""
    await stage.open("/?ip=198.51.100.25")


@scene("domain-listed")
async def domain(stage: Stage) -> None:
    """A domain name that is listed: why, until when, and whom to write to; no form."""
    await stage.add("*.prize.example", "phish", zone=NAMES, reason="Pages that ask for passwords")
    await stage.open("/?ip=www.prize.example")


@scene("domain-not-listed")
async def unlisted_domain(stage: Stage) -> None:
    """A domain name that no list has."""
    await stage.open("/?ip=sender.example")


@scene("trusted")
async def trusted(stage: Stage) -> None:
    """An address that a list of good senders has."""
    await stage.add(category="known", zone=GOOD)
    await stage.open(f"/?ip={LISTED}")


@scene("test-entry")
async def test_entry(stage: Stage) -> None:
    """The address that every list answers for (RFC 5782 §5)."""
    await stage.open("/?ip=127.0.0.2")


@scene("look-up-error", 400)
async def no_address(stage: Stage) -> None:
    """What was typed is neither an address nor a name."""
    await stage.open("/?address=mail@sender.example")


@scene("form-errors", 422)
async def errors(stage: Stage) -> None:
    """The form comes back: what is wrong, beside what was typed."""
    await stage.open("/")
    await stage.page.locator("input[name=email]").fill("postmaster@sender")
    await stage.page.locator("input[name=ip]").fill("203.0.113.777")
    await stage.press("Submit")


@scene("policy")
async def policy(stage: Stage) -> None:
    """What is listed, and how it is removed: from the configuration."""
    await stage.open("/policy")


def delisting(database: Database, origin: str, address: str, at: int) -> None:
    """Notes a delisting of days past."""
    delistings.record(database, origin, parse(address), "spam", now=at, request_id=0)


@scene("statistics")
async def figures(stage: Stage) -> None:
    """Thirty days as charts and as tables; open to everybody."""
    chance = random.Random(5)
    today = int(stage.portal.clock()) // DAY_S
    for origin, most in ((MAIN, 900), (WEB, 260)):
        for day in range(today - _DAYS + 1, today + 1):
            wave = 1 + 0.5 * ((day % 7) not in (2, 3))
            added = int(chance.uniform(0.35, 0.65) * most * wave)
            removed = int(added * chance.uniform(0.4, 0.9))
            await stage.write(statistics.count, day, origin, added=added, removed=removed)
            for host in range(chance.randint(1, most // 40)):
                await stage.write(delisting, origin, f"198.51.100.{host}", day * DAY_S)
    for host in range(1, 6):
        address = f"203.0.113.{host}"
        await stage.add(address)
        link = await stage.link(address, f"host{host}@sender.example")
        stage.portal.clock.at += 100 + 20 * host
        await stage.open(link)
        await stage.press("Delist IP")
    await stage.open("/statistics")
