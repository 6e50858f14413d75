"""The portal inside a test: the whole sidecar on its port, a clock to turn, a visitor's hands.

The DNS process is not part of it; a name server of the test's own answers in its place.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import aiohttp
import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from house import House
from mailserver import link_in_file
from multidict import CIMultiDictProxy
from visitor import Answer, Form

from api.sidecar import Sidecar
from dnsbl.network import parse
from dnsbl.store import audit, listings, outbox, requests
from dnsbl.store.audit import Act
from dnsbl.store.listings import Listing
from dnsbl.store.outbox import Mail
from dnsbl.store.request_states import State

START = 1_800_000_000  # Unix seconds; a Friday in January 2027
PATIENCE_S = 30
_WAIT_S_MIN = 12 * 3600  # no mail is retried as late as that, and no policy's wait is shorter
LISTED = "203.0.113.7"
SENDER = "postmaster@sender.example"


class Clock:
    """Stands still until it is turned."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> float:
        return float(self.at)


class Page(Answer):
    """An answer with its headers."""

    headers: CIMultiDictProxy[str]

    def __init__(self, status: int, text: str, headers: CIMultiDictProxy[str]) -> None:
        super().__init__(status, headers.get("Location", ""), text)
        object.__setattr__(self, "headers", headers)

    def form(self, button: str) -> Form:
        """The form that has such a button."""
        return next(form for form in self.forms if button in form.buttons)

    def has_button(self, button: str) -> bool:
        return any(button in form.buttons for form in self.forms)


class NameServer(asyncio.DatagramProtocol):
    """Stands in for the DNS process: `answers` says what a name has, `silent` says nothing."""

    def __init__(self) -> None:
        self.answers: Callable[[str], list[str]] = lambda _: []
        self.rcode = dns.rcode.NXDOMAIN  # where there is no answer
        self.extended: dns.edns.EDECode | None = None  # beside it
        self.silent = False
        self.cuts = False  # says nothing but that it is to be asked over TCP
        self.asked: list[str] = []

    async def start(self, port: int) -> None:
        """Listens on a port of the loopback."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, ("127.0.0.1", port))

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        name = query.question[0].name.to_text()
        self.asked.append(name)
        if self.silent:
            return
        reply = dns.message.make_response(query)
        if answers := self.answers(name):
            reply.answer.append(dns.rrset.from_text_list(name, 60, "IN", "A", answers))
        else:
            reply.set_rcode(self.rcode)
        if self.extended is not None and query.edns >= 0:  # RFC 6891 §7: only where it was offered
            reply.use_edns(options=[dns.edns.EDEOption(self.extended)])
        if self.cuts:
            reply = dns.message.make_response(query)
            reply.flags |= dns.flags.TC
        self._transport.sendto(reply.to_wire(), addr)

    def stop(self) -> None:
        self._transport.close()


class Portal:
    """A running sidecar and someone who visits it."""

    def __init__(self, house: House, clock: Clock, write_wait_s: float = 10.0) -> None:
        self.house = house
        self.clock = clock
        self.nameserver = NameServer()
        self.sidecar = Sidecar(house.config, now=clock, write_wait_s=write_wait_s)

    async def __aenter__(self) -> Self:
        await self.sidecar.__aenter__()
        await self.nameserver.start(self.house.dns_port)
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()
        self.nameserver.stop()
        await self.sidecar.__aexit__(kind, error, trace)

    async def fetch(
        self,
        path: str,
        fields: Mapping[str, str] | bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
    ) -> Page:
        """One request, no redirect followed; `path` may be a whole link of a mail."""
        url = path if path.startswith("http") else self.house.portal_url + path
        method = method or ("GET" if fields is None else "POST")
        async with self._session.request(
            method, url, data=fields, headers=headers, allow_redirects=False
        ) as reply:
            return Page(reply.status, await reply.text(), reply.headers)

    async def ask(
        self, ip: str, email: str, headers: Mapping[str, str] | None = None, **fields: str
    ) -> Page:
        """Opens the form, fills it in, presses Submit."""
        form = (await self.fetch("/", headers=headers)).form("Submit")
        filled = form.fields | {"ip": ip, "email": email} | fields
        return await self.fetch(form.action, filled, headers=headers)

    async def press(self, link: str, button: str = "Delist IP") -> Page:
        """Opens the link of a mail, and presses a button there."""
        form = (await self.fetch(link)).form(button)
        return await self.fetch(link, form.fields | form.buttons[button])

    async def delivered(self) -> None:
        """Returns once no mail is queued any more, but for those that come after a wait."""
        async with asyncio.timeout(PATIENCE_S):
            # No event tells a test of a commit, and the asking itself takes its time.
            while await self._next_due_at() < self.clock.at + _WAIT_S_MIN:  # noqa: ASYNC110
                await asyncio.sleep(0)

    async def _next_due_at(self) -> float:
        due_at = await self.sidecar.truth.read(outbox.next_due_at)
        return math.inf if due_at is None else due_at

    async def asked(self) -> str:
        """Lists an address and asks for it; the path of the status page."""
        await self.add(LISTED)
        page = await self.ask(LISTED, SENDER)
        assert page.status == 303, page.text
        return page.location

    async def mail(self) -> Mail:
        """The mail of the first request, as the outbox has it."""
        mail = await self.sidecar.truth.read(outbox.of_request, 1)
        assert mail is not None
        return mail

    async def attempted(self, attempts: int) -> Mail:
        """That mail, once so many attempts were noted."""
        async with asyncio.timeout(PATIENCE_S):
            while (mail := await self.mail()).attempts < attempts:  # noqa: ASYNC110  # as above
                await asyncio.sleep(0)
            return mail

    async def state(self) -> State:
        """Where the first request stands."""
        request = await self.sidecar.truth.read(requests.get, 1)
        assert request is not None
        return request.state

    def turn_to(self, at: int) -> None:
        """Turns the clock, and lets the delivery notice."""
        self.clock.at = at
        self.sidecar.delivery.wake()

    async def link(self, ip: str, email: str = SENDER) -> str:
        """Asks for an address; the link of the mail that the file transport wrote."""
        page = await self.ask(ip, email)
        assert page.status == 303, page.text
        await self.delivered()
        return link_in_file(self.house.config.data.outbox)

    async def add(
        self,
        network: str,
        category: str = "spam",
        *,
        reason: str = "spam trap",
        expires_at: int | None = None,
        zone: str = "bl.example",
    ) -> None:
        """Lists a network."""
        listing = Listing(
            zone, parse(network), category, reason,
            listed_at=self.clock.at - 86_400, expires_at=expires_at,
        )  # fmt: skip
        await self.sidecar.truth.write(listings.add, listing)

    async def listed(self) -> list[str]:
        """All listings: network and category."""
        found = await self.sidecar.truth.read(lambda database: list(listings.browse(database)))
        return [f"{item.network.text} {item.category}" for item in found]

    async def trail(self, address: str) -> list[Act]:
        """The audit of an address, the oldest first."""
        acts = await self.sidecar.truth.read(audit.trail, parse(address), 100)
        return acts[::-1]
