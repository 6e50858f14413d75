"""What a scene is played on: a portal with a clock to turn, a mail server, a browser."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any, Final

from house import House, free_port
from mailserver import Mailbox, link
from playwright.async_api import Browser, Page, Response
from portal import START, Clock, Portal
from scripted_dns import Script, records

from api.language import language
from api.truth import WRITE_WAIT_S
from dnsbl import subject
from dnsbl.network import parse
from dnsbl.store import delistings, listings, outbox
from dnsbl.store.listings import Listing

LISTED: Final = "203.0.113.7"
SENDER: Final = "postmaster@sender.example"
DAY_S: Final = 86_400

_MAIN: Final = """\
origin = "bl.northwind.example"
nameservers = ["ns1.northwind.example"]
hostmaster = "hostmaster@northwind.example"
ttl_s = 300
negative_ttl_s = 60
[category.spam]
answer = "127.0.0.2"
text = "Listed for spam, see https://delist.northwind.example/?ip=$"
delist = "self"
[category.policy]
answer = "127.0.0.10"
text = "Address space that should not send mail, see https://delist.northwind.example/?ip=$"
delist = "review"
[category.hijacked]
answer = "127.0.0.9"
text = "Hijacked network, see https://delist.northwind.example/?ip=$"
delist = "never"
[category.exploit]
answer = "127.0.0.4"
text = "Compromised host, see https://delist.northwind.example/?ip=$"
delist = "self"
policy.proof = 1
"""
_WEB: Final = """\
origin = "forms.northwind.example"
nameservers = ["ns1.northwind.example"]
hostmaster = "hostmaster@northwind.example"
[category.webform]
answer = "127.0.0.3"
text = "Spam through web forms, see https://delist.northwind.example/?ip=$"
delist = "self"
"""
_GOOD: Final = """\
origin = "good.northwind.example"
nameservers = ["ns1.northwind.example"]
hostmaster = "hostmaster@northwind.example"
reputation = "good"
[category.known]
answer = "127.0.0.2"
text = "Known good sender"
delist = "never"
"""
_NAMES: Final = """\
origin = "names.northwind.example"
lists = "names"
nameservers = ["ns1.northwind.example"]
hostmaster = "hostmaster@northwind.example"
[category.phish]
answer = "127.0.0.5"
text = "Phishing, see https://delist.northwind.example/?ip=$"
"""
MAIN: Final = "bl.northwind.example"
WEB: Final = "forms.northwind.example"
GOOD: Final = "good.northwind.example"
NAMES: Final = "names.northwind.example"


def furnish(folder: Path, mail_port: int, dns_port: int) -> House:
    """A house with four zones, whose mail goes to a port and whose questions to another."""
    folder.mkdir(parents=True, exist_ok=True)
    house = House(folder, free_port(), free_port())
    for origin, text in ((MAIN, _MAIN), (WEB, _WEB), (GOOD, _GOOD), (NAMES, _NAMES)):
        house.write_zone(text, origin)
    house.write_config(
        'name = "Northwind Mail Safety"\n'
        'contact = "postmaster@northwind.example"\n'
        '[mail]\ntransport = "smtp"\nsender = "delist@northwind.example"\n'
        f'[mail.smtp]\nhost = "127.0.0.1"\nport = {mail_port}\n'
        f'[resolver]\nservers = ["127.0.0.1:{dns_port}"]\ntimeout_s = 1\n'
    )
    return house


class Stage:
    """Where a scene is played. ``page`` is the visitor's; ``status`` what its last page had.

    ``asked`` are the addresses that the browser asked for; ``operator``: one is logged in.
    """

    def __init__(self, portal: Portal, mailbox: Mailbox, page: Page, tag: str) -> None:
        self.portal = portal
        self.mailbox = mailbox
        self.page = page
        self.tag = tag
        self.status = 0
        self.operator = False
        self.asked: list[str] = []
        self._say = language(tag).gettext
        page.on("response", self._note)

    def _note(self, response: Response) -> None:
        self.asked.append(response.url)
        if response.request.is_navigation_request():
            self.status = response.status

    async def open(self, path: str) -> None:
        """Goes to a page of the portal; `path` may be a whole link."""
        await self.page.goto(path if "://" in path else self.portal.house.portal_url + path)

    async def press(self, button: str) -> None:
        """Presses a button by its English name, and waits for the page that follows."""
        async with self.page.expect_navigation():
            await self.page.get_by_role("button", name=self._say(button), exact=True).click()

    async def ask(self, ip: str = LISTED, email: str = SENDER) -> str:
        """Fills in the form and presses Submit; where that leads."""
        await self.open(f"/?ip={ip}")
        await self.page.locator("input[name=email]").fill(email)
        await self.press("Submit")
        return self.page.url

    async def link(self, ip: str = LISTED, email: str = SENDER) -> str:
        """Asks for an address; the link of the mail that came."""
        await self.ask(ip, email)
        mail = await asyncio.to_thread(self.mailbox.wait_for, email)
        await self.portal.delivered()
        return link(mail)

    async def add(
        self, network: str = LISTED, category: str = "spam", *, zone: str = MAIN,
        reason: str = "Mail to a spam trap", days: int = 12, ends_in_days: int | None = 18,
    ) -> None:  # fmt: skip
        """Lists a network, since so many days."""
        now = self.portal.clock.at
        listing = Listing(
            zone, subject.parse(network), category, reason, source="trap 7",
            evidence="Received: from mx.sender.example (203.0.113.7)\n"
            "        by trap7.northwind.example; Sun, 3 Jan 2027 09:14:02 +0000\n"
            "Subject: You have won",
            listed_at=now - days * DAY_S,
            expires_at=None if ends_in_days is None else now + ends_in_days * DAY_S,
        )  # fmt: skip
        await self.write(listings.add, listing)

    async def remove(self, network: str = LISTED, category: str = "spam") -> None:
        """Takes a listing off, as an operator would."""
        await self.write(listings.remove, MAIN, parse(network), category)

    async def delisted(self, *days_ago: int, category: str = "spam") -> None:
        """Notes that the address was delisted so long ago."""
        for days in days_ago:
            at = START - days * DAY_S
            await self.write(
                lambda database, at=at: delistings.record(
                    database, MAIN, parse(LISTED), category, now=at, request_id=1
                )
            )

    async def write(self, change: Callable[..., Any], *values: Any, **named: Any) -> Any:  # noqa: ANN401
        """A change of the database."""
        return await self.portal.sidecar.truth.write(change, *values, **named)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the database, as another program that writes would."""
        with closing(sqlite3.connect(self.portal.house.config.data.database)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.rollback()

    async def attempted(self) -> None:
        """Returns once the first mail was tried, with whatever outcome."""
        async with asyncio.timeout(30):
            while True:
                mail = await self.portal.sidecar.truth.read(outbox.of_request, 1)
                if mail is not None and mail.attempts:
                    return
                await asyncio.sleep(0)


@asynccontextmanager
async def stage(
    browser: Browser, folder: Path, tag: str = "en", *, width: int = 1280, script: bool = True,
    scale: float = 1, dark: bool = False, write_wait_s: float = WRITE_WAIT_S,
) -> AsyncIterator[Stage]:  # fmt: skip
    """A stage of its own, in a language; its window is so wide (CSS pixels)."""
    async with Script() as names:
        names.say(
            records("7.113.0.203.in-addr.arpa", "PTR", "mx.sender.example."),
            records("mx.sender.example", "A", LISTED),
            records("sender.example", "MX", "10 mx.sender.example."),
            records("other.example", "MX", "10 mx.other.example."),
        )
        mail_port = free_port()
        mailbox = Mailbox(mail_port)
        mailbox.start()
        try:
            house = furnish(folder, mail_port, names.port)
            async with Portal(house, Clock(), write_wait_s=write_wait_s) as portal:
                context = await browser.new_context(
                    viewport={"width": width, "height": 800}, java_script_enabled=script,
                    locale=tag, device_scale_factor=scale, reduced_motion="reduce",
                    color_scheme="dark" if dark else "light",
                )  # fmt: skip
                try:
                    yield Stage(portal, mailbox, await context.new_page(), tag)
                finally:
                    await context.close()
        finally:
            mailbox.stop()
