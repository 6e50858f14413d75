"""What access lists decide is counted, by both twins: the zone of the list, and the action."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import dns.message
import pytest
import twins
from house import ZONE_TEXT, House

from dnsbl.config import AccessConfig, Action, Endpoint
from dnsbl.network import parse
from dnsbl.server.datagrams import udp_server
from dnsbl.server.endpoint import bind_udp
from dnsbl.server.respond import Responder
from dnsbl.zone.zones import Zones

ACTIONS: tuple[Action, ...] = ("refuse", "ignore", "empty")
STRANGER = parse("192.0.2.1")


@pytest.fixture(params=twins.SERVERS)
def twin(request: pytest.FixtureRequest) -> str:
    """Which of the two answers."""
    return str(request.param)


@pytest.fixture
def several(house: House) -> House:
    """A zone without a list, and one for each action that keeps this machine out."""
    for action in ACTIONS:
        text = ZONE_TEXT.replace('"bl.example"', f'"{action}.example"')
        house.write_zone(text + f'[access]\n{action} = ["127.0.0.0/8"]\n', f"{action}.example")
    return house


@contextlib.contextmanager
def client(responder: Responder) -> Iterator[socket.socket]:
    """A client on this machine; what it sent is answered at the end of the block."""
    bound = bind_udp(Endpoint("127.0.0.1", 0))
    server = udp_server(bound, responder)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
        sending.connect(bound.getsockname())
        server.start()
        yield sending
        server.stop()


def query(name: str) -> bytes:
    """As a stub asks."""
    return dns.message.make_query(name, "A").to_wire()


async def test_the_list_of_a_zone_counts_for_it(several: House, twin: str) -> None:
    """Each question once; those that pass not at all."""
    responder = twins.responder(twin, Zones(several.config.zones))

    with client(responder) as sending:
        for times, origin in enumerate(("bl", *ACTIONS), start=1):
            for _ in range(times):
                sending.send(query(f"2.0.0.127.{origin}.example"))

    assert responder.counters.document()["access"] == [
        {"zone": "empty.example", "action": "empty", "count": 4},
        {"zone": "ignore.example", "action": "ignore", "count": 3},
        {"zone": "refuse.example", "action": "refuse", "count": 2},
    ]
    assert responder.counters.dropped("ignored") == 3


@pytest.mark.parametrize("action", ACTIONS)
async def test_the_list_of_the_server_counts_for_none(
    several: House, twin: str, action: Action
) -> None:
    """It comes first: the zone that was asked, and its list, have no say."""
    access = AccessConfig("pass", ((parse("127.0.0.0/8"), action),))
    responder = twins.responder(twin, Zones(several.config.zones, access))

    with client(responder) as sending:
        for origin in ("bl", *ACTIONS):
            sending.send(query(f"2.0.0.127.{origin}.example"))

    assert responder.counters.document()["access"] == [{"zone": "", "action": action, "count": 4}]
    assert responder.counters.denied("", action) == 4
    assert responder.counters.dropped("ignored") == (4 if action == "ignore" else 0)


def test_over_tcp_it_counts_as_well(several: House, twin: str) -> None:
    """That is Python's on either path."""
    responder = twins.responder(twin, Zones(several.config.zones))

    for origin in ("bl", *ACTIONS):
        for who in (parse("127.0.0.1"), STRANGER):
            responder.respond(query(f"2.0.0.127.{origin}.example"), "tcp", who)

    denied = {action: responder.counters.denied(f"{action}.example", action) for action in ACTIONS}
    assert denied == dict.fromkeys(ACTIONS, 1)
