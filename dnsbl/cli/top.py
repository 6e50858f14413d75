"""`top`: what the DNS server does just now, as a view that renews itself, or line by line."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import sys
import termios
import tty
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click

from dnsbl.cli import options, report
from dnsbl.cli.pace import Line, Pace, pace, read_line
from dnsbl.cli.screen import Row, Screen, Style
from dnsbl.cli.verb import Verb
from dnsbl.config import load
from dnsbl.errors import DnsblError

INTERVAL_S: Final = 2.0
SILENCE_S: Final = 10.0  # the server says something each second
PAST_MAX: Final = 500  # moments, as wide as any terminal

_LINE_OCTETS_MAX: Final = 16 << 20
_EARLY_S: Final = 0.3  # a line comes each second, a little sooner or later
_QUIT: Final = frozenset(b"qQ\x03\x04")

_STYLES: Final[dict[Style, str]] = {
    "title": "\x1b[7m",
    "heading": "\x1b[1m",
    "plain": "",
    "faint": "\x1b[2m",
}


class WatchError(DnsblError):
    """Why there is nothing to see."""


class Feed:
    """The lines of a server, as they come."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(SILENCE_S)
        self._unread = b""
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise WatchError(_refusal(path, error)) from error

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    @property
    def has_line(self) -> bool:
        """Whether a line has been read already."""
        return b"\n" in self._unread

    def close(self) -> None:
        """Watches no more."""
        self._socket.close()

    def next(self) -> Line:
        """The next line. Raises WatchError where there is none."""
        while (end := self._unread.find(b"\n")) < 0:
            try:
                data = self._socket.recv(1 << 16)
            except TimeoutError:
                raise WatchError("the DNS server says nothing; is it stopped?") from None
            except OSError:
                data = b""
            if not data:
                raise WatchError("the DNS server has ended")
            self._unread += data
            if len(self._unread) > _LINE_OCTETS_MAX:
                raise WatchError("the DNS server says what is no line of its live view")
        line, self._unread = self._unread[:end], self._unread[end + 1 :]
        return read_line(line)


def paces(feed: Feed, interval_s: float) -> Iterator[Pace]:
    """One after another, each of that many seconds; waits for them."""
    before = feed.next()
    while True:
        after = feed.next()
        if after.at - before.at >= interval_s - _EARLY_S:
            yield pace(before, after)
            before = after


def _refusal(path: Path, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"{path}: only the user that the DNS server runs as may watch"
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        return f"{path}: nobody answers there; is the DNS server running?"
    return f"{path}: {error.strerror or error}"


@click.command(
    cls=Verb,
    examples=("dnsbl top", "dnsbl top --once -o json", "dnsbl top --interval 10 | tee seen.txt"),
)
@click.option("--once", is_flag=True, help="Print one view, and end.")
@click.option(
    "--interval",
    "interval_s",
    type=options.Real(1, 3600),
    default=INTERVAL_S,
    show_default=True,
    metavar="SECONDS",
    help="How long each view looks.",
)
@options.output_option
@options.config_option
def top(config_file: Path, output: report.Output, interval_s: float, *, once: bool) -> None:
    """Show what the DNS server on this machine does just now.

    Replies a second, how many of them list, the addresses listed most and the
    clients that ask most. On a terminal the view renews itself until q is
    pressed; elsewhere each is printed below the other. Needs to run as the user
    of the DNS server.
    """
    config = load(config_file)
    with (
        contextlib.closing(Feed(config.data.live_view)) as feed,
        contextlib.suppress(KeyboardInterrupt),
    ):
        if output == "table" and not once and sys.stdout.isatty():
            watch(feed, interval_s)
            return
        past: deque[float] = deque(maxlen=PAST_MAX)
        for each in paces(feed, interval_s):
            past.append(each.replies_per_s)
            if output == "json":
                report.print_json(document(each))
            else:
                click.echo("\n".join(row.text for row in _screen(None).rows(each, list(past))))
            sys.stdout.flush()
            if once:
                return
            if output == "table":
                click.echo()


def document(each: Pace) -> dict[str, Any]:
    """As JSON has it: times are whole seconds."""
    return asdict(each) | {"at": int(each.at), "started_at": int(each.started_at)}


def watch(feed: Feed, interval_s: float) -> None:
    """Draws until q is pressed."""
    past: deque[float] = deque(maxlen=PAST_MAX)
    with _full_screen() as keys:
        before = feed.next()
        drawn: Pace | None = None
        _draw([Row("waiting for a first view …")])
        while not _quits(feed, keys):
            line = feed.next()
            if line.at - before.at >= (interval_s if drawn else 1.0) - _EARLY_S:
                drawn, before = pace(before, line), line
                past.append(drawn.replies_per_s)
            if drawn is not None:  # at each line, since the terminal may have another size by now
                height = shutil.get_terminal_size().lines
                _draw(_screen(height).rows(drawn, list(past)))


def _quits(feed: Feed, keys: int | None) -> bool:
    """Waits for a line, or for a key; whether the key says to quit."""
    watched = [feed.fileno()] if keys is None else [feed.fileno(), keys]
    while True:
        # A line that was read with the one before is not told of any more.
        ready, _, _ = select.select(watched, [], [], 0 if feed.has_line else SILENCE_S)
        if keys is not None and keys in ready:
            pressed = os.read(keys, 64)
            if not pressed or _QUIT & set(pressed):
                return True
        if feed.fileno() in ready or not ready:  # in silence, the feed says what is wrong
            return False


def _screen(height: int | None) -> Screen:
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    return Screen(
        shutil.get_terminal_size().columns,
        height,
        unicode=encoding.lower().replace("-", "") == "utf8",
    )


def _draw(rows: Sequence[Row]) -> None:
    drawn = "\r\n".join(f"{_STYLES[row.style]}{row.text}\x1b[0m\x1b[K" for row in rows)
    sys.stdout.write(f"\x1b[H{drawn}\x1b[J")
    sys.stdout.flush()


@contextlib.contextmanager
def _full_screen() -> Iterator[int | None]:
    """Inside, the terminal is ours; gives where keys come from, None if they come from nowhere."""
    keys = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else None
    was = None if keys is None else termios.tcgetattr(keys)
    ended = signal.signal(signal.SIGTERM, _end)
    try:
        if keys is not None:
            tty.setcbreak(keys)
            attributes = termios.tcgetattr(keys)
            attributes[6][termios.VSUSP] = b"\0"  # Ctrl-Z would leave the shell our screen
            termios.tcsetattr(keys, termios.TCSADRAIN, attributes)
        sys.stdout.write("\x1b[?1049h\x1b[?25l\x1b[2J")
        yield keys
    finally:
        signal.signal(signal.SIGTERM, ended)
        with contextlib.suppress(OSError):  # the terminal may be gone
            sys.stdout.write("\x1b[?25h\x1b[?1049l")
            sys.stdout.flush()
            if keys is not None and was is not None:
                termios.tcsetattr(keys, termios.TCSADRAIN, was)


def _end(number: int, frame: object) -> None:  # noqa: ARG001  # as signals have it
    raise SystemExit(128 + number)
