"""Operators hear of a proxy that the portal was not told of, and of no visitor's claim."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from structlog.typing import EventDict

from api.proxy_notice import ProxyNotice
from dnsbl.network import parse


def asked(peer: str, *, forwarded: bool = True) -> web.Request:
    """A request from a peer."""
    headers = {"X-Forwarded-For": "192.0.2.1"} if forwarded else {}
    return make_mocked_request("GET", "/", headers=headers).clone(remote=peer)


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.1.2.3", "fd00::1", "::1"])
async def test_a_near_proxy_is_told_of_once(peer: str, log: list[EventDict]) -> None:
    """The first request through it; no more, however many follow."""
    notice = ProxyNotice([parse("192.168.7.0/24")])

    for _ in range(3):
        await notice(asked(peer), web.Response())

    assert [event["event"] for event in log] == ["proxy_not_trusted"]


@pytest.mark.parametrize(
    ("peer", "forwarded"),
    [("127.0.0.1", False), ("192.168.7.9", True), ("198.51.101.4", True), ("2a00::1", True)],
)
async def test_nobody_else_is_told_of(peer: str, *, forwarded: bool, log: list[EventDict]) -> None:
    """Not a trusted proxy, a neighbour without the header, nor a stranger who makes it up."""
    notice = ProxyNotice([parse("192.168.7.0/24")])

    await notice(asked(peer, forwarded=forwarded), web.Response())

    assert log == []
