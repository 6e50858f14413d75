"""What can be learned by asking: nothing of a mailbox, a token or a key that is another's."""

from __future__ import annotations

import asyncio
import re
import secrets
import statistics
import time
from collections.abc import Awaitable, Callable

import pytest
from house import House
from portal import Clock, Page, Portal
from raw_connection import connect

from api.mail.carrier import Envelope, Outcome
from api.mail.file import FileCarrier
from dnsbl.store import suppressions
from dnsbl.store.database import Database

QUIET = "petra@sender.example"  # wants no mail of ours any more
OTHER = "paula@sender.example"  # as long, and masked alike
GUESSES = 10_000
SAMPLES = 200
# The share of pairs in which one is slower: a half where nothing differs, give or take five
# times the spread that two samples of 200 have.
ALIKE = (0.35, 0.65)

LIMITS = "[portal.limits]\n" + "\n".join(
    f"{name} = 1000000"
    for name in (
        "client_per_hour", "client_per_day", "mailbox_per_hour", "mailbox_per_day",
        "domain_per_hour", "address_per_day",
    )
)  # fmt: skip


async def suppress(portal: Portal, mailbox: str) -> None:
    """As its owner did by "This was not me"."""
    await portal.add("203.0.113.99")
    link = await portal.link("203.0.113.99", mailbox)
    page = await portal.press(link, "This was not me")
    assert page.status == 200
    assert await portal.sidecar.truth.read(
        suppressions.is_suppressed, suppressions.mailbox_hash(mailbox)
    )


def alike(page: Page, address: str) -> str:
    """A page without what is one visit's own: key, tokens, address, the number of its mail."""
    text = page.text.replace(address, "ADDRESS")
    text = re.sub(r"[A-Za-z0-9_-]{43}", "KEY", text)
    return re.sub(r"Z-[0-9]+\.eml", "Z-N.eml", text)


async def test_a_mailbox_that_wants_no_mail_looks_like_any_other(portal: Portal) -> None:
    """The answer, and the status page before and after delivery, are the same to the octet."""
    await suppress(portal, QUIET)
    told: list[list[object]] = []
    for number, mailbox in enumerate((QUIET, OTHER)):
        address = f"203.0.113.{number + 1}"
        await portal.add(address)
        asked = await portal.ask(address, mailbox)
        await portal.delivered()
        after = await portal.fetch(asked.location)
        told.append(
            [asked.status, asked.text, re.sub(r"[\w-]{43}", "KEY", asked.location),
             sorted(asked.headers), after.status, alike(after, address)]
        )  # fmt: skip

    assert told[0] == told[1]
    assert "mail_sent" not in str(told)
    mails = [file.read_text() for file in portal.house.config.data.outbox.glob("*.eml")]
    assert sum(OTHER in mail for mail in mails) == 1
    assert sum(QUIET in mail for mail in mails) == 1  # the one that its owner answered


async def test_a_mailbox_that_wants_no_mail_is_answered_in_the_same_time(
    house: House, clock: Clock
) -> None:
    """Two hundred requests for each, turn by turn: neither is told from the other by its time."""
    house.write_config(LIMITS)
    async with Portal(house, clock) as portal:
        await suppress(portal, QUIET)
        await portal.add("198.18.0.0/15")
        form = (await portal.fetch("/")).form("Submit")

        async def ask(mailbox: str, number: int) -> float:
            address = f"198.18.{number // 250}.{number % 250 + 1}"
            began = time.perf_counter()
            page = await portal.fetch("/", form.fields | {"ip": address, "email": mailbox})
            took = time.perf_counter() - began
            assert page.status == 303
            return took

        quiet, other = await in_turn(
            lambda number: ask(QUIET, 2 * number), lambda number: ask(OTHER, 2 * number + 1)
        )

    assert ALIKE[0] < share_slower(quiet, other) < ALIKE[1], (
        statistics.median(quiet), statistics.median(other),
    )  # fmt: skip


async def test_a_mail_that_is_withheld_takes_as_long_as_one_that_goes(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever watches the status page sees it leave no sooner than others do."""
    await suppress(portal, QUIET)
    carry = FileCarrier.carry

    async def slowly(carrier: FileCarrier, envelope: Envelope) -> Outcome:
        await asyncio.sleep(0.4)  # what a mail server takes
        return await carry(carrier, envelope)

    monkeypatch.setattr(FileCarrier, "carry", slowly)
    took: list[float] = []
    for number, mailbox in enumerate((OTHER, QUIET)):
        address = f"203.0.113.{number + 1}"
        await portal.add(address)
        began = time.monotonic()
        await portal.ask(address, mailbox)
        await portal.delivered()
        took.append(time.monotonic() - began)

    assert took[1] > 0.4
    assert took[1] < 3 * took[0]


async def test_a_token_is_not_found_in_the_same_time_however_it_is_wrong(portal: Portal) -> None:
    """A link that never was, and a status key that is another's or nobody's: one page, one time."""
    status = await portal.asked()
    key = status.removeprefix("/status/")
    wrong = [
        f"/confirm/{key}",
        f"/confirm/{'A' * 43}",
        f"/status/{'A' * 43}",
        f"/status/{key[:-1]}",
    ]

    pages = [await portal.fetch(path) for path in wrong]

    assert {page.status for page in pages} == {404}
    assert len({page.text for page in pages}) == 1
    assert len({tuple(sorted(page.headers)) for page in pages}) == 1

    def near() -> str:
        """All but the end of a key that there is."""
        return f"/status/{key[:32]}{secrets.token_urlsafe(8)}"

    async def timed(path: str) -> float:
        began = time.perf_counter()
        assert (await portal.fetch(path)).status == 404
        return time.perf_counter() - began

    one, another = await in_turn(
        lambda _: timed(near()), lambda _: timed(f"/status/{secrets.token_urlsafe(32)}")
    )
    assert ALIKE[0] < share_slower(one, another) < ALIKE[1]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_ten_thousand_guesses_find_nothing_and_cost_little(
    portal: Portal, method: str
) -> None:
    """Each is one missing page; the portal answers others meanwhile, and keeps nothing of them."""
    await portal.asked()
    await portal.delivered()
    before = await portal.sidecar.truth.read(table_sizes)
    count = GUESSES if method == "GET" else GUESSES // 10
    kind = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 13\r\n"
    body = b"action=delist" if method == "POST" else b""

    async def guess(share: int) -> list[bytes]:
        wire = await connect(portal.house.portal_port)
        statuses: list[bytes] = []
        for _ in range(share):
            token = secrets.token_urlsafe(32).encode()
            head = b"%b /confirm/%b HTTP/1.1\r\nHost: x\r\n%b\r\n"
            await wire.say(head % (method.encode(), token, kind if body else b"") + body)
            head = await wire.until(b"\r\n\r\n")
            statuses.append(head[9:12])
            length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
            await wire.reader.readexactly(length)
        wire.close()
        return statuses

    guesses = asyncio.gather(*(guess(count // 4) for _ in range(4)))
    waits: list[float] = []
    while not guesses.done():
        began = time.perf_counter()
        assert (await portal.fetch("/")).status == 200
        waits.append(time.perf_counter() - began)
        await asyncio.sleep(0.05)

    assert {status for share in await guesses for status in share} == {b"404"}
    assert statistics.median(waits) < 1
    assert await portal.sidecar.truth.read(table_sizes) == before


def table_sizes(database: Database) -> list[tuple[str, int]]:
    """How many rows those tables have that a visitor could fill."""
    names = ("audit", "delist_requests", "delist_tokens", "outbox", "suppressions")
    return [
        (name, database.rows(f"SELECT count(*) AS n FROM {name}")[0]["n"])  # noqa: S608
        for name in names
    ]


async def in_turn(
    one: Callable[[int], Awaitable[float]], another: Callable[[int], Awaitable[float]]
) -> tuple[list[float], list[float]]:
    """The times of both, taken turn by turn, so that what else the machine does hits both alike."""
    await one(SAMPLES)
    await another(SAMPLES)
    pairs = [(await one(number), await another(number)) for number in range(SAMPLES)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def share_slower(one: list[float], another: list[float]) -> float:
    """In how many of all pairs the first is slower (the statistic of Mann and Whitney)."""
    slower = sum(a > b for a in one for b in another)
    return slower / (len(one) * len(another))
