"""A hook behind HTTP: one signed POST for each message, in the form of Standard Webhooks 1.0.

Only addresses of the public Internet are connected to, unless the configuration
allows others; what is checked is the address of the very connection, so that a
name which changes its mind between two look-ups (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import email.utils
import errno
import functools
import http
import socket
import ssl
import time
from collections.abc import Callable
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from api.hooks import signature
from api.hooks.calls import Calls
from api.hooks.message import REPLY_OCTETS_MAX, RETRY_AFTER_S_MAX, Message, Reply, one_line
from dnsbl.config import HookConfig, HttpTarget
from dnsbl.config.destination import is_public
from dnsbl.config.secret import SecretError, read_secret

CONNECTIONS_MAX: Final = 32

_DONE: Final = range(200, 300)
_REDIRECTS: Final = range(300, 400)
_LATER: Final = frozenset({http.HTTPStatus.TOO_MANY_REQUESTS, http.HTTPStatus.SERVICE_UNAVAILABLE})
_HEADERS: Final = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Accept-Encoding": "identity",  # a small answer may unpack to a huge one
    "User-Agent": "dnsbl",
}

AddressInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]


class PrivateAddressError(OSError):
    """The address that the connection would be to is not public."""


class HttpTransport:
    """Sends to one URL. `now` gives Unix seconds; names are looked up by `names`."""

    def __init__(
        self,
        hook: HookConfig,
        target: HttpTarget,
        *,
        now: Callable[[], float] = time.time,
        names: AbstractResolver | None = None,
        tls: ssl.SSLContext | bool = True,
    ) -> None:
        self._target = target
        self._timeout_s = hook.timeout_s
        self._now = now
        self._names = names
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def send(self, message: Message) -> Reply:
        """One POST. No redirect is followed, and no answer read beyond its bound."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._post(message)
        except SecretError as error:
            return Reply("failed", one_line(f"cannot be signed: {error}"))
        except TimeoutError:
            return Reply("failed", f"did not answer within {self._timeout_s} s")
        except aiohttp.ClientConnectorError as error:
            return Reply("failed", one_line(f"cannot be reached: {_cause(error.os_error)}"))
        # ValueError: a host that is no name (IDNA), a header that is none
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Reply("failed", one_line(f"{type(error).__name__}: {error}"))

    async def close(self) -> None:
        """Ends the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _post(self, message: Message) -> Reply:
        secrets = await asyncio.to_thread(self._secrets)
        signed = signature.headers(message.uid, int(self._now()), message.body, secrets)
        async with self._opened().post(
            self._target.url, data=message.body, headers=_HEADERS | signed, allow_redirects=False
        ) as answer:
            return await self._reply(answer)

    async def _reply(self, answer: aiohttp.ClientResponse) -> Reply:
        said = one_line(f"HTTP {answer.status} {answer.reason or ''}")
        if answer.status in _DONE:
            body = await _bounded(answer)
            if body is None:
                answer.close()
                return Reply("done", f"{said}; its answer is over {REPLY_OCTETS_MAX} octets long")
            return Reply("done", said, body=body)
        # What else it says is of no use to us. Unread, it goes with the connection.
        answer.close()
        if answer.status == http.HTTPStatus.GONE:
            return Reply("gone", said)
        if answer.status in _LATER:
            after_s = retry_after_s(answer.headers.get("Retry-After", ""), self._now())
            if after_s is not None:
                return Reply("later", said, after_s)
        if answer.status in _REDIRECTS:
            return Reply("failed", f"{said}: no redirect is followed; configure where it leads")
        return Reply("failed", said)

    def _secrets(self) -> list[bytes]:
        return [read_secret(file) for file in self._target.secret_files]

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=self._names or NameLookup(),
                use_dns_cache=False,
                socket_factory=self._socket,
                ssl=self._tls,
                limit=CONNECTIONS_MAX,
                force_close=True,  # one that was left open may be dead, and a POST is not repeated
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,  # no proxy: it would connect where we must not
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),  # `send` has one
                read_bufsize=REPLY_OCTETS_MAX // 4,
            )
        return self._session

    def _socket(self, info: AddressInfo) -> socket.socket:
        """A socket for the address that is about to be connected to, or PrivateAddressError."""
        family, kind, protocol, _, address = info
        if not self._target.allow_private and not is_public(str(address[0])):
            raise PrivateAddressError(
                errno.EACCES, f"{address[0]} is not a public address (allow_private)"
            )
        return socket.socket(family, kind, protocol)


class NameLookup(AbstractResolver):
    """The system's resolver, in threads of its own: a slow one delays nothing but the hook."""

    def __init__(self) -> None:
        self._calls = Calls("hook-names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host. Raises OSError."""
        found = await self._calls.run(
            functools.partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM)
        )
        return [
            ResolveResult(
                hostname=host, host=str(address[0]), port=port, family=kind, proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in found
        ]  # fmt: skip

    async def close(self) -> None:
        """There is nothing to close."""


async def _bounded(answer: aiohttp.ClientResponse) -> bytes | None:
    """The body, or None where it is too long; no more than that is read."""
    if (answer.content_length or 0) > REPLY_OCTETS_MAX:
        return None
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > REPLY_OCTETS_MAX:
            return None
    return bytes(body)


def retry_after_s(value: str, now: float) -> int | None:
    """Seconds that a Retry-After asks for: a number or a date (RFC 9110 §10.2.3), bounded.

    None where it is neither.
    """
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(int(value[:10]), RETRY_AFTER_S_MAX)
    try:
        at = email.utils.parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0, min(round(at - now), RETRY_AFTER_S_MAX))


def _cause(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
