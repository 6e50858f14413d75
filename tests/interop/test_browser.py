"""A blocked sender's whole visit in a real browser, by a mail that went through real SMTP."""

from __future__ import annotations

import asyncio
import itertools
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import dns.message
import dns.query
import dns.rcode
import pytest
import pytest_asyncio
from browser import DESKTOP, PHONE, chromium
from house import ZONE_TEXT, House, free_port
from mailserver import Mailbox, link
from playwright.async_api import Browser, Page
from running import Running

from api.language import language
from dnsbl.network import parse
from dnsbl.store import listings
from dnsbl.store.database import open_writer
from dnsbl.store.listings import Listing

VISITS: Final = list(itertools.product(("en", "it"), (False, True), (PHONE, DESKTOP)))
ADDRESSES: Final = {visit: f"203.0.113.{host}" for host, visit in enumerate(VISITS, 7)}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True, slots=True)
class Site:
    """The product as it runs, and the mail server that it sends through."""

    house: House
    mailbox: Mailbox


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(tool: Callable[[str], str]) -> AsyncIterator[Browser]:
    """Debian's Chromium, one for all visits."""
    async with chromium(tool("chromium")) as browser:
        yield browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The product, with an address listed for each visit."""
    house = House(tmp_path_factory.mktemp("site"), free_port(), free_port())
    house.write_zone(ZONE_TEXT)
    mail_port = free_port()
    mailbox = Mailbox(mail_port)
    house.write_config(
        f"[portal.limits]\nclient_per_hour = {len(VISITS)}\n"
        f'[mail]\ntransport = "smtp"\nsender = "delist@bl.example"\n'
        f'[mail.smtp]\nhost = "127.0.0.1"\nport = {mail_port}\n'
    )
    database = open_writer(house.config.data.database)
    for address in ADDRESSES.values():
        listing = Listing(
            "bl.example", parse(address), "spam", "spam trap", listed_at=int(time.time()) - 86_400
        )
        listings.add(database, listing)
    database.close()
    with ExitStack() as stack:
        stack.callback(mailbox.stop)
        mailbox.start()
        running = Running(house.file)
        stack.callback(running.stop)
        running.wait_for("ready")
        yield Site(house, mailbox)


def listed(house: House, address: str) -> bool:
    """What DNS says of an address just now."""
    name = f"{'.'.join(reversed(address.split('.')))}.bl.example"
    query = dns.message.make_query(name, "A")
    reply = dns.query.udp(query, "127.0.0.1", port=house.dns_port, timeout=10)
    assert reply.rcode() in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}
    return reply.rcode() == dns.rcode.NOERROR


def scan(url: str) -> None:
    """What a mail scanner does with a link: HEAD and GET, more than once."""
    for method in ("HEAD", "GET", "HEAD", "GET"):
        request = urllib.request.Request(url, method=method)  # noqa: S310  # our own link
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            assert answer.status == 200


class Visitor:
    """Someone in front of a window of a width, who reads a language."""

    def __init__(self, page: Page, tag: str, width: int) -> None:
        self.page = page
        self.tag = tag
        self.width = width
        self.say = language(tag).gettext

    async def see(self, words: str) -> None:
        """The page says so, in the visitor's language, and needs no scrolling sideways."""
        assert await self.page.get_attribute("html", "lang") == self.tag
        assert self.say(words) in await self.page.inner_text("main")
        assert await self.page.evaluate("document.documentElement.scrollWidth") <= self.width

    async def press(self, button: str) -> None:
        """Presses a button by its English name."""
        async with self.page.expect_navigation():
            await self.page.get_by_role("button", name=self.say(button), exact=True).click()


@pytest.mark.parametrize(("tag", "script", "width"), VISITS)
async def test_a_sender_delists_an_address_in_a_browser(
    site: Site, browser: Browser, *, tag: str, script: bool, width: int
) -> None:
    """Bounce, form, status, mail, link, button, NXDOMAIN, link again: in two languages, on a
    phone and on a desk, whether scripts run or not.
    """
    address = ADDRESSES[tag, script, width]
    mailbox = f"host-{address.rpartition('.')[2]}@mail.sender.example"
    context = await browser.new_context(
        viewport={"width": width, "height": 800}, java_script_enabled=script, locale=tag
    )
    visitor = Visitor(await context.new_page(), tag, width)
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))

    await visitor.page.goto(f"{site.house.portal_url}/?ip={address}")
    await visitor.see("Listed")
    assert await visitor.page.locator("input[name=ip]").input_value() == address
    await visitor.page.locator("input[name=email]").fill(mailbox)
    await visitor.press("Submit")
    await visitor.see("Request received")
    assert visitor.page.url.startswith(f"{site.house.portal_url}/status/")
    mail = await asyncio.to_thread(site.mailbox.wait_for, mailbox)
    assert mail["Content-Language"] == tag
    confirm = link(mail)
    await asyncio.to_thread(scan, confirm)
    await visitor.page.goto(confirm)
    await visitor.see("What happens when you press")
    assert listed(site.house, address)
    await visitor.press("Delist IP")

    assert not listed(site.house, address)
    await visitor.see("Delisted")
    assert address in await visitor.page.inner_text("h1")
    await visitor.page.goto(confirm)
    await visitor.see("Already delisted")
    assert await visitor.page.get_by_role("button").count() == 0
    assert [url for url in asked if not url.startswith(site.house.portal_url)] == []
    assert await visitor.page.locator("script").count() == 0
    assert await context.cookies() == []
    await context.close()
