"""Kill -9 at every step of a delisting, over and over: what was accepted goes on, nothing halves.

A visit goes: form, request accepted, mail handed to the server, link, button,
listing gone. Each round kills the sidecar at one of those moments, or the DNS
process with it, at an instant drawn by chance, and then takes the visit to its
end as a stubborn sender would.
"""

from __future__ import annotations

import http.client
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Final

import dns.message
import dns.query
import dns.rcode
import pytest
import visitor
from house import House, free_port
from mailserver import Mailbox, link
from running import Running

ROUNDS: Final = 26  # of each of the four runs: 104 kills
# A portal that dies young is started again after ever longer, to ten seconds: each of these has
# died young, and would be waited for. tests/dnsbl/server/test_supervise.py has to do with that.
SOON = """
import functools, sys
from dnsbl.cli import main
from dnsbl.server import service, supervise
times = supervise.Times(backoff_max_s=0.2)
service.Supervisor = functools.partial(supervise.Supervisor, times=times)
main()
"""
PROGRAM: Final = (sys.executable, "-c", SOON)
SETTLE_S: Final = 60  # within which a killed visit has to be able to end
AWAY: Final = (OSError, http.client.HTTPException)

STEPS: Final = (
    "after the request",
    "during the request",
    "before the server accepts",
    "after the server accepted",
    "after the link is opened",
    "during the delisting",
    "after the delisting",
    "the DNS process, at any moment",
)

MANY = "1000000"
LIMITS = "\n".join(
    f"{name} = {MANY}"
    for name in (
        "client_per_hour", "client_per_day", "mailbox_per_hour", "mailbox_per_day",
        "domain_per_hour", "address_per_day",
    )
)  # fmt: skip


@pytest.fixture
def mailbox(house: House) -> Iterator[Mailbox]:
    """A mail server, and a house whose portal takes any number of requests."""
    port = free_port()
    house.write_config(
        f"[portal.limits]\n{LIMITS}\n"
        f'[mail]\ntransport = "smtp"\nper_minute = 100000\n[mail.smtp]\nport = {port}\n'
    )
    mailbox = Mailbox(port)
    mailbox.start()
    yield mailbox
    mailbox.stop()


class Street:
    """The running product, and the means to kill a part of it and to wait for its return."""

    def __init__(self, house: House, serve: Callable[..., Running], chance: random.Random) -> None:
        self.house = house
        self.chance = chance
        self.kills = 0
        self._serve = lambda: serve(house.file, program=PROGRAM)
        self.running = self._serve()

    def kill_sidecar(self) -> None:
        pid = self.running.sidecar_pid
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.kills += 1

    def kill_dns(self) -> None:
        self.running.kill()
        self.kills += 1
        self.running = self._serve()

    def kill_soon(self, kill: Callable[[], None], within_s: float) -> threading.Timer:
        timer = threading.Timer(self.chance.uniform(0, within_s), kill)
        timer.start()
        return timer

    def until_back(self, act: Callable[[], visitor.Answer]) -> visitor.Answer:
        """Tries until the portal answers."""
        deadline = time.monotonic() + SETTLE_S
        while True:
            try:
                answer = act()
            except AWAY:
                assert time.monotonic() < deadline, "the portal did not come back"
                time.sleep(0.02)  # between two knocks at a door that is shut; no event tells
            else:
                return answer

    def rows(self, sql: str, *parameters: object) -> list[tuple[object, ...]]:
        """What the database says, by another client."""
        with closing(sqlite3.connect(self.house.config.data.database, timeout=30)) as database:
            return database.execute(sql, parameters).fetchall()

    def listed(self, address: str) -> bool:
        name = ".".join(reversed(address.split("."))) + ".bl.example"
        query = dns.message.make_query(name, "A")
        reply = dns.query.udp(query, "127.0.0.1", port=self.house.dns_port, timeout=10)
        return reply.rcode() == dns.rcode.NOERROR


class Visit:
    """One visit, with a kill at its step; it ends when the address is delisted."""

    def __init__(self, street: Street, mailbox: Mailbox, address: str, step: str) -> None:
        self._street = street
        self._mailbox = mailbox
        self._address = address
        self._step = step
        self._sender = f"postmaster@{address}.example"
        self._timers: list[threading.Timer] = []
        mailbox.reply = self._accept

    def _at(self, moment: str, kill: Callable[[], None], within_s: float = 0.0) -> None:
        """Kills now, or within a time, where this is the visit's moment."""
        if self._step != moment:
            return
        if within_s:
            self._timers.append(self._street.kill_soon(kill, within_s))
        else:
            kill()

    def _accept(self, recipient: str) -> str:
        """The server's acceptance of a mail: the first one of this visit may be fatal."""
        if [to for to, _ in self._mailbox.mails if to == recipient] == [self._sender]:
            self._at("before the server accepts", self._street.kill_sidecar)
            self._at("after the server accepted", self._street.kill_sidecar, 0.005)
        return "250 2.0.0 accepted"

    def go(self) -> None:
        """From the form to the end."""
        street, portal = self._street, self._street.house.portal_url
        self._at("the DNS process, at any moment", street.kill_dns, 0.08)

        self._at("during the request", street.kill_sidecar, 0.01)
        answer = street.until_back(lambda: visitor.request(portal, self._address, self._sender))
        # Where the answer was lost the request may stand all the same: then one is pending.
        assert answer.status in {303, 429}, answer.text
        sql = "SELECT 1 FROM delist_requests WHERE address = ?"
        assert street.rows(sql, self._address)
        self._at("after the request", street.kill_sidecar)

        confirm = link(self._mailbox.wait_for(self._sender))
        street.until_back(lambda: visitor.fetch(confirm))
        self._at("after the link is opened", street.kill_sidecar)

        self._at("during the delisting", street.kill_sidecar, 0.02)
        pressed = street.until_back(lambda: visitor.press(confirm))
        assert pressed.status in {200, 303, 410}, pressed.text
        self._at("after the delisting", street.kill_sidecar)

        for timer in self._timers:
            timer.join()
        again = street.until_back(lambda: visitor.press(confirm))
        assert "already" in again.text.lower(), again.text


@pytest.mark.long(60)
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(4))
def test_a_visit_survives_a_kill_at_any_step(
    house: House,
    mailbox: Mailbox,
    serve: Callable[..., Running],
    dnsbl: Callable[..., subprocess.CompletedProcess[str]],
    seed: int,
) -> None:
    """104 visits, each killed once: all mails arrive, each address ends delisted, just once."""
    addresses = [f"203.0.{113 + seed}.{host}" for host in range(1, ROUNDS + 1)]
    bystander = "198.51.100.9"
    assert dnsbl(house.file, "add", "--force", *addresses, bystander).returncode == 0
    street = Street(house, serve, random.Random(seed))
    first = seed * ROUNDS

    for number, address in enumerate(addresses):
        Visit(street, mailbox, address, STEPS[(first + number) % len(STEPS)]).go()

    deadline = time.monotonic() + SETTLE_S
    while any(street.listed(address) for address in addresses):
        assert time.monotonic() < deadline
    assert street.listed(bystander)
    assert street.rows("SELECT network FROM listings") == [(f"{bystander}/32",)]
    assert street.rows("SELECT DISTINCT state FROM delist_requests") == [("delisted",)]
    assert street.rows(
        "SELECT count(*), count(DISTINCT network) FROM audit WHERE act = 'listing.removed'"
    ) == [(ROUNDS, ROUNDS)]
    assert street.rows("SELECT count(*) FROM outbox WHERE state = 'queued'") == [(0,)]
    assert {to for to, _ in mailbox.mails} == {f"postmaster@{a}.example" for a in addresses}
    assert street.kills == ROUNDS
    assert street.running.stop() == 0
