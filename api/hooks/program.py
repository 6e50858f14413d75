"""A hook that is a program: run for each message, with its JSON on standard input.

It is given little (no shell, no environment of ours, no open file), and gets the
lead of a process group, which is killed as a whole once the program has ended, or
its time has.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import IO, Final

from api.hooks.calls import Calls
from api.hooks.message import REPLY_OCTETS_MAX, Message, Reply, one_line
from dnsbl.config import HookConfig, ProgramTarget

YES: Final = 0
LATER: Final = 75  # EX_TEMPFAIL of sysexits.h
# What env and shells say of a program that they could not run: no answer of the program's.
NOT_RUN: Final = frozenset({126, 127})

# How often a program is looked after whose output is silent: whether it has ended, or has to.
TICK_S: Final = 0.01
COMPLAINT_OCTETS_MAX: Final = 4096  # of standard error; what follows is read and thrown away
READ_OCTETS: Final = 65_536

_CAN_LEAVE_UNWAITED: Final = getattr(os, "waitid", None) is not None  # not on macOS before 3.13
KILLED_WITHIN_S: Final = 1.0  # beyond that the kernel does not let go of it

# Nothing of ours, since it may hold secrets; HOME is none of a person.
_ENVIRONMENT: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/",
}


class ProgramTransport:
    """Runs one program."""

    def __init__(self, hook: HookConfig, target: ProgramTarget) -> None:
        self._command = (str(target.program), *target.arguments)
        self._name = hook.name
        self._timeout_s = hook.timeout_s
        self._calls = Calls(f"hook-{hook.name}")
        self._closed = threading.Event()

    async def send(self, message: Message) -> Reply:
        """One run."""
        run = _Run(
            self._command,
            _ENVIRONMENT
            | {
                "DNSBL_HOOK": self._name,
                "DNSBL_MESSAGE_ID": message.uid,
                "DNSBL_ATTEMPT": str(message.attempt),
            },
            message.body,
            self._timeout_s,
        )
        try:
            async with asyncio.timeout(self._timeout_s + KILLED_WITHIN_S):
                return await self._calls.run(run)
        except TimeoutError:
            return Reply("failed", "could not be killed")
        finally:
            run.given_up.set()  # where this was cancelled: the program has a moment to live

    async def close(self) -> None:
        """There is nothing to close: a program ends with its `send`."""


class _Run:
    """One run of a program, in the thread that calls it."""

    def __init__(
        self, command: tuple[str, ...], environment: dict[str, str], body: bytes, timeout_s: int
    ) -> None:
        self._command = command
        self._environment = environment
        self._body = body
        self._timeout_s = timeout_s
        self._ends_at = time.monotonic() + timeout_s  # from now: waiting for a turn counts
        self.given_up = threading.Event()

    def __call__(self) -> Reply:
        """Runs it to its end, or to ours."""
        if self._is_over():
            return Reply("failed", f"others kept it waiting for {self._timeout_s} s; not run")
        try:
            with _file_of(self._body) as stdin, self._started(stdin) as process:
                return self._followed(process)
        except OSError as error:
            return Reply("failed", one_line(f"cannot be run: {error.strerror or error}"))
        except ValueError as error:  # no environment holds the message's name: it has a NUL, say
            return Reply("failed", one_line(f"cannot be run: {error}"))

    @contextlib.contextmanager
    def _started(self, stdin: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen(  # noqa: S603  # the operator's own, by its full path
            self._command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment,
            cwd="/",
            start_new_session=True,
        )
        try:
            yield process
        finally:
            # While the leader is not waited for, nobody else can get the group's number.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for pipe in (process.stdout, process.stderr):
                assert pipe is not None
                pipe.close()

    def _followed(self, process: subprocess.Popen[bytes]) -> Reply:
        assert process.stdout is not None
        assert process.stderr is not None
        output, complaint = bytearray(), bytearray()
        with selectors.DefaultSelector() as selector:
            _watch(selector, process.stdout, output, REPLY_OCTETS_MAX + 1)
            _watch(selector, process.stderr, complaint, COMPLAINT_OCTETS_MAX)
            while True:
                status = _status(process)  # before reading: what it wrote until then is there
                _read(selector, 0 if status is not None else TICK_S)
                if len(output) > REPLY_OCTETS_MAX:
                    return Reply("failed", f"wrote more than {REPLY_OCTETS_MAX} octets; killed")
                if status is not None:
                    return _reply(status, bytes(output), bytes(complaint))
                if self._is_over():
                    return Reply("failed", f"ran longer than {self._timeout_s} s; killed")

    def _is_over(self) -> bool:
        return self.given_up.is_set() or time.monotonic() >= self._ends_at


def _watch(selector: selectors.BaseSelector, pipe: IO[bytes], kept: bytearray, most: int) -> None:
    os.set_blocking(pipe.fileno(), False)
    selector.register(pipe, selectors.EVENT_READ, (kept, most))


def _read(selector: selectors.BaseSelector, wait_s: float) -> None:
    """Reads what there is, and keeps the beginning."""
    if not selector.get_map():
        time.sleep(wait_s)  # both closed, and the program goes on
        return
    for key, _ in selector.select(wait_s):
        with contextlib.suppress(BlockingIOError):
            chunk = os.read(key.fd, READ_OCTETS)
            if not chunk:
                selector.unregister(key.fileobj)
            kept, most = key.data
            kept += chunk[: most - len(kept)]


def _status(process: subprocess.Popen[bytes]) -> int | None:
    """The exit status of a program that has ended, negative of a signal; it stays unwaited for."""
    if not _CAN_LEAVE_UNWAITED:
        return process.poll()
    ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if ended is None or ended.si_pid == 0:
        return None
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


def _reply(status: int, output: bytes, complaint: bytes) -> Reply:
    first = one_line(complaint.decode(errors="replace").strip().partition("\n")[0])
    what = f"was ended by signal {-status}" if status < 0 else f"exit status {status}"
    said = one_line(f"{what}: {first}" if first else what)
    if status < 0:
        return Reply("failed", said)
    if status == YES:
        return Reply("done", said, body=output)
    if status == LATER:
        return Reply("later", said, body=output)
    return Reply("failed", said, body=output, says_no=status not in NOT_RUN)


def _file_of(body: bytes) -> IO[bytes]:
    """An open file with the body, in memory where there is such a thing.

    Not a pipe: a program that reads nothing blocks nobody so.
    """
    memory = getattr(os, "memfd_create", None)
    file = open(memory("message"), "w+b") if memory else tempfile.TemporaryFile()  # noqa: SIM115, PTH123
    file.write(body)
    file.seek(0)
    return file
