"""The points at which a process may be killed: around each commit, write, and network call.

Nothing in the product knows of this: what it calls is wrapped, in the process
that is to die. Points are numbered in the order in which they are reached.
"""

from __future__ import annotations

import contextlib
import functools
import mmap
import os
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Self

from dnsbl.store.database import Database

_WRITES: Final = ("INSERT", "UPDATE", "DELETE", "REPLACE")
_WORDS: Final = 3  # of a statement, that name a point
_NAME_OCTETS: Final = 120
_LAYOUT: Final = struct.Struct(f"=dq{_NAME_OCTETS}s")  # clock, points, where it was killed

# What asyncio and its users call on a socket.
_CALLS: Final = ("connect", "accept", "send", "sendmsg", "sendto", "recv", "recv_into", "recvfrom")


class Slate:
    """Memory that a process shares with its children: a clock to turn, and what they leave."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _LAYOUT.size)

    @property
    def now(self) -> float:
        """Unix seconds, as the sidecar sees them."""
        return float(self._read()[0])

    @now.setter
    def now(self, value: float) -> None:
        struct.pack_into("=d", self._memory, 0, value)

    @property
    def points(self) -> int:
        """How many points the last life reached."""
        return int(self._read()[1])

    @property
    def killed_at(self) -> str:
        """The name of the point at which it was killed; "" where it was not."""
        return self._read()[2].rstrip(b"\0").decode()

    def begin(self) -> None:
        """A life begins."""
        struct.pack_into(f"=q{_NAME_OCTETS}s", self._memory, 8, 0, b"")

    def reach(self, number: int) -> None:
        """A point was reached."""
        struct.pack_into("=q", self._memory, 8, number)

    def die(self, name: str) -> None:
        """Notes where the process is killed."""
        struct.pack_into(f"={_NAME_OCTETS}s", self._memory, 16, name.encode())

    def _read(self) -> tuple[Any, ...]:
        return _LAYOUT.unpack_from(self._memory)


class Injector:
    """Counts points, and kills the process at one of them.

    ``peers`` names what is at a port, at either end of a connection.
    """

    def __init__(self, slate: Slate, kill_at: int | None, peers: Mapping[int, str]) -> None:
        self._slate = slate
        self._kill_at = kill_at
        self._peers = peers
        self._count = 0
        self._lock = threading.Lock()

    def reach(self, name: str) -> None:
        """A point; the process may end in it."""
        with self._lock:
            self._count += 1
            self._slate.reach(self._count)
            if self._count == self._kill_at:
                self._slate.die(name)
                os.kill(os.getpid(), signal.SIGKILL)
                signal.pause()

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call, with a point before it and one after."""

        @functools.wraps(call)
        def watched(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # whatever it takes
            self.reach(f"before {name}")
            result = call(*args, **kwargs)
            self.reach(f"after {name}")
            return result

        return watched

    def install(self) -> Self:
        """Wraps what writes and what talks, in this process and for its life."""
        self._watch_database()
        self._watch_sockets()
        self._watch_files()
        self._watch_programs()
        return self

    def _watch_database(self) -> None:
        begun, execute, change_each = (
            Database.transaction, Database._execute, Database.change_each,  # noqa: SLF001
        )  # fmt: skip
        reach = self.reach

        @contextlib.contextmanager
        def transaction(database: Database) -> Iterator[None]:
            if database.in_transaction:
                with begun(database):
                    yield
                return
            reach("before BEGIN")
            with begun(database):
                yield
                reach("before COMMIT")
            reach("after COMMIT")

        def executed(database: Database, sql: str, parameters: tuple[object, ...]) -> object:
            words = sql.split(maxsplit=_WORDS)[:_WORDS]
            if words[0] in _WRITES:
                reach(f"before {' '.join(words)}")
            return execute(database, sql, parameters)

        def changed(database: Database, sql: str, parameters: Iterable[tuple[object, ...]]) -> int:
            reach(f"before {' '.join(sql.split(maxsplit=_WORDS)[:_WORDS])}")
            return change_each(database, sql, parameters)

        Database.transaction = transaction  # type: ignore[method-assign]
        Database._execute = executed  # type: ignore[method-assign,assignment]  # noqa: SLF001
        Database.change_each = changed  # type: ignore[method-assign]

    def _watch_sockets(self) -> None:
        for name in _CALLS:
            setattr(socket.socket, name, self._talking(name, getattr(socket.socket, name)))

    def _talking(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """A call of a socket, with points around it where it is of the network."""

        def watched(sock: socket.socket, *args: Any) -> Any:  # noqa: ANN401  # as each of them
            if sock.family is socket.AF_UNIX:  # by which the loop wakes itself
                return call(sock, *args)
            return self.around(f"{name} of {self._peer(sock, args)}", call)(sock, *args)

        return watched

    def _peer(self, sock: socket.socket, args: tuple[Any, ...]) -> str:
        """What the socket talks with."""
        ends = [arg for arg in args if isinstance(arg, tuple)]
        for ask in (sock.getpeername, sock.getsockname):
            with contextlib.suppress(OSError):
                ends.append(ask())
        return next((self._peers[end[1]] for end in ends if end[1] in self._peers), "somebody")

    def _watch_files(self) -> None:
        """The writing of a mail into a file: opened, brought to the disk, given its name."""
        opened = os.open

        def open_(path: Any, *args: Any, **kwargs: Any) -> int:  # noqa: ANN401  # as os.open
            if not str(path).endswith(".part"):
                return opened(path, *args, **kwargs)
            return int(self.around("open of a mail", opened)(path, *args, **kwargs))

        os.open = open_
        os.fsync = self.around("fsync", os.fsync)
        os.replace = self.around("rename", os.replace)

    def _watch_programs(self) -> None:
        injector = self

        class Watched(subprocess.Popen[Any]):
            """A program, with points around its begin and its end."""

            def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # as Popen
                injector.reach("before a program")
                super().__init__(*args, **kwargs)
                injector.reach("while a program runs")

            def wait(self, timeout: float | None = None) -> int:
                status = super().wait(timeout)
                injector.reach("after a program")
                return status

        subprocess.Popen = Watched  # type: ignore[misc]
