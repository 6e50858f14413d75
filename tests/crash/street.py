"""The portal of a run: begun, killed, begun anew; and the hands of a sender who does not give up.

The sender outlives the portal: where it is away, they wait until it is back and
do again what they were about.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import shutil
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import visitor
from house import House
from visitor import Answer

from api.sidecar import Sidecar
from crash import life, world
from crash.injection import Slate
from crash.world import Ports
from dnsbl.config import Config
from dnsbl.network import parse
from dnsbl.store import listings
from dnsbl.store.database import Database, open_writer
from dnsbl.store.listings import Listing

T = TypeVar("T")

# In Unix seconds. The journal has its own times, by the real clock, and what is old is pruned.
START: Final = float(int(time.time()))
PATIENCE_S: Final = 60.0
LOOK_S: Final = 0.01  # how often another process's database is looked at: nothing tells of commits
LIVES_MAX: Final = 4  # of a run: one is killed, one goes on
AWAY: Final = (OSError, http.client.HTTPException)

ZONE: Final = "bl.example"
DAY_S: Final = 86_400


class LostError(AssertionError):
    """Something did not come to its end."""


@dataclass
class Taken:
    """What the world took in a run, each in the order of its coming."""

    mails: list[dict[str, Any]] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)


class Neighbourhood:
    """The world's process, and what it tells."""

    def __init__(self, ports: Ports) -> None:
        self.taken = Taken()
        self.socket, theirs = socket.socketpair()
        self._rest = b""
        self.pid = os.fork()
        if self.pid == 0:
            self.socket.close()
            try:
                world.run(theirs, ports)
            finally:
                os._exit(1)
        theirs.close()
        self._wait_for("ready")

    def forget(self, *, hooks_fail_first: bool) -> None:
        """Begins a new run."""
        self._order(world.FAIL if hooks_fail_first else world.FORGET)
        self.taken = Taken()

    def sync(self) -> None:
        """Returns once all that it took by now was told."""
        self._order(world.SYNC)

    def _order(self, order: bytes) -> None:
        self.socket.sendall(order)
        self._wait_for("done")

    def _wait_for(self, word: str) -> None:
        while not any(word in line for line in self.read()):
            pass

    def read(self) -> list[dict[str, Any]]:
        """What it tells, once there is something."""
        octets = self.socket.recv(1 << 16)
        assert octets, "the world has ended"
        *lines, self._rest = (self._rest + octets).split(b"\n")
        found = [json.loads(line) for line in lines]
        self.taken.mails += [each for each in found if "mail" in each]
        self.taken.told += [each for each in found if "told" in each]
        return found

    def end(self) -> None:
        """Ends its process."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.socket.close()


class Street:
    """A sidecar that is killed once in a run, and what lies around it."""

    def __init__(self, house: House, config: Config, ports: Ports) -> None:
        self.house = house
        self.config = config
        self.slate = Slate()
        self._ports = ports
        self.neighbourhood = Neighbourhood(ports)
        self._sidecar: Sidecar = life.warm(config, self.slate)
        self._pid: int | None = None
        self._alive = -1  # the end of a pipe that is closed when the sidecar has ended
        self.lives = 0
        self.killed_at = ""
        self.points = 0
        self.accepted: list[str] = []  # paths of status pages that a visitor was led to

    # One run

    @property
    def database(self) -> Path:
        return self.config.data.database

    @property
    def faults(self) -> Path:
        return self.house.folder / "faults"

    @property
    def program_log(self) -> Path:
        """What the hook that is a program was told, a line each."""
        return self.house.folder / "told"

    def begin(
        self, prepare: Callable[[Database], None], kill_at: int | None, *, hooks_fail_first: bool
    ) -> None:
        """An empty house, what is listed in it, and a first life that ends at a point."""
        shutil.rmtree(self.config.data.directory, ignore_errors=True)
        for file in (self.faults, self.program_log):
            file.unlink(missing_ok=True)
        self.slate.now = START
        self.neighbourhood.forget(hooks_fail_first=hooks_fail_first)
        self.database.parent.mkdir()
        shutil.copy(self._prepared(prepare), self.database)
        self.accepted = []
        self.lives, self.killed_at, self.points = 0, "", 0
        self._live(kill_at)

    def _prepared(self, prepare: Callable[[Database], None]) -> Path:
        """A database with what is listed when a run begins; made once."""
        file = self.house.folder / "prepared.sqlite3"
        if not file.exists():
            with closing(open_writer(file)) as database, database.transaction():
                prepare(database)
        return file

    def end(self) -> None:
        """Ends the last life."""
        if self._pid is not None:
            os.kill(self._pid, signal.SIGKILL)
            self._buried()

    def close(self) -> None:
        """Ends all processes."""
        self.end()
        self.neighbourhood.end()

    def _live(self, kill_at: int | None) -> None:
        self.lives += 1
        if self.lives > LIVES_MAX:
            raise LostError(f"the portal does not stay up: {self._said()}")
        self.slate.begin()
        alive, ready = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(alive)
            self.neighbourhood.socket.close()
            life.live(self._sidecar, self.slate, kill_at, self._ports.names, ready, self.faults)
        os.close(ready)
        self._alive = alive
        if not os.read(alive, 1):  # killed, or failed, before it listened
            self._rise()

    def _rise(self) -> None:
        """The sidecar's supervisor, once it has ended."""
        self._buried()
        self._live(None)

    def _buried(self) -> None:
        assert self._pid is not None
        os.waitpid(self._pid, 0)
        os.close(self._alive)
        self._pid = None
        if self.lives == 1:
            self.points, self.killed_at = self.slate.points, self.slate.killed_at

    def _said(self) -> str:
        return self.faults.read_text() if self.faults.exists() else "nothing was logged"

    # Waiting

    def _look_around(self, wait_s: float) -> None:
        """Takes notice of what the world tells and of the sidecar's end, within a time."""
        readable, _, _ = select.select([self._alive, self.neighbourhood.socket], [], [], wait_s)
        if self.neighbourhood.socket in readable:
            self.neighbourhood.read()
        if self._alive in readable:
            self._rise()

    def until(self, found: Callable[[], T | None]) -> T:
        """What is found in the end, while the sidecar lives, dies and rises."""
        deadline = time.monotonic() + PATIENCE_S
        while (result := found()) is None:
            if time.monotonic() > deadline:
                raise LostError(f"it never came: {found}; {self._said()}")
            self._look_around(LOOK_S)
        return result

    def until_back(self, act: Callable[[], Answer]) -> Answer:
        """Does it, again and again until there is an answer."""
        while True:
            try:
                return act()
            except AWAY as error:
                if not select.select([self._alive], [], [], PATIENCE_S)[0]:
                    raise LostError(f"no answer, and no end: {error!r}") from None
                self._rise()

    def settle(self) -> None:
        """Lets time pass until nothing is left to be sent by mail or to hooks, or to be seen."""
        self.until(self._is_settled)
        self.neighbourhood.sync()

    def _is_settled(self) -> bool | None:
        mails, told, behind, unseen = self.rows(
            """
            SELECT (SELECT min(next_attempt_at) FROM outbox WHERE state = 'queued'),
                (SELECT min(next_attempt_at) FROM hook_deliveries WHERE id IN (
                    SELECT min(id) FROM hook_deliveries WHERE state = 'queued'
                    GROUP BY hook, subject)),
                2 - (SELECT count(*) FROM hooks WHERE event_id =
                     coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)),
                coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'journal'), 0) <>
                coalesce((SELECT CAST(substr(value, 1, instr(value, ' ')) AS INTEGER) FROM meta
                          WHERE key = 'journal_told'), -1)
            """
        )[0]
        due = [at for at in (mails, told) if at is not None]
        if due:
            self.slate.now = max(self.slate.now, min(due))
        return True if not due and behind == 0 and not unseen else None

    # What the database says, by another client

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of a query; no connection is left that a fork might inherit."""
        with closing(sqlite3.connect(self.database, timeout=30)) as database:
            return database.execute(sql, parameters).fetchall()

    def last_request(self) -> int:
        """Its number."""
        return int(self.rows("SELECT max(id) FROM delist_requests")[0][0])

    # A visitor's hands

    def fetch(self, path: str) -> Answer:
        """A page."""
        url = path if path.startswith("http") else self.house.portal_url + path
        return self.until_back(lambda: visitor.fetch(url))

    def ask(self, address: str, mailbox: str) -> None:
        """Fills in the form until it is taken; that a request is pending says that one was."""
        answer = self.until_back(lambda: visitor.request(self.house.portal_url, address, mailbox))
        if answer.status == http.HTTPStatus.SEE_OTHER:
            self.accepted.append(answer.location)
        elif answer.status != http.HTTPStatus.TOO_MANY_REQUESTS or self.lives == 1:
            raise LostError(f"the form was answered by {answer.status}: {answer.text}")

    def links(self, mailbox: str) -> list[str]:
        """The links of the mails that came to a mailbox, by SMTP or as files."""
        return [link for mail in self.mails() if mail["to"] == mailbox for link in mail["links"]]

    def mails(self) -> Sequence[dict[str, Any]]:
        """The mails that came."""
        if self.config.mail.transport == "smtp":
            return self.neighbourhood.taken.mails
        return [_read(file) for file in sorted(self.config.data.outbox.glob("*.eml"))]

    def link(self, mailbox: str) -> str:
        """The link of the last mail, once there is one."""
        return self.until(lambda: next(iter(self.links(mailbox)[::-1]), None))

    def press(self, link: str, button: str = "Delist IP") -> Answer:
        """Opens a link, and presses a button there if there is one."""

        def press() -> Answer:
            page = visitor.fetch(link)
            form = next((each for each in page.forms if button in each.buttons), None)
            if form is None:
                return page
            return visitor.fetch(link, form.fields | form.buttons[button])

        return self.until_back(press)


def _read(file: Path) -> dict[str, Any]:
    """A mail in a file, as the world tells of one."""
    return world.told_of(file.read_bytes())


def listed(database: Database, network: str, category: str = "spam") -> None:
    """Lists a network, a day ago."""
    listings.add(
        database,
        Listing(ZONE, parse(network), category, "spam trap", listed_at=int(START) - DAY_S),
    )
