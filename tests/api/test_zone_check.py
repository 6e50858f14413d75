"""What the page says of DNS is what DNS said."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import dns.rcode
import pytest
from house import House
from portal import NameServer

from api.zone_check import Checked, check
from dnsbl.config import Config
from dnsbl.network import parse


@pytest.fixture
async def nameserver(house: House) -> AsyncIterator[NameServer]:
    """Stands where the DNS process would."""
    nameserver = NameServer()
    await nameserver.start(house.dns_port)
    yield nameserver
    nameserver.stop()


async def checked(config: Config, address: str = "203.0.113.7") -> Checked:
    """The check of a spam listing's removal."""
    zone = config.zones[0]
    (result,) = await check(config, parse(address), [(zone, zone.categories[0])], time.monotonic())
    return result


async def test_nxdomain_is_gone(house: House, nameserver: NameServer) -> None:
    """The zone was asked as a mail server would ask, and does not know the address."""
    result = await checked(house.config)

    assert result.gone is True
    assert nameserver.asked == ["7.113.0.203.bl.example."]


async def test_an_ipv6_address_is_asked_by_nibbles(house: House, nameserver: NameServer) -> None:
    """RFC 5782 §2.4."""
    await checked(house.config, "2001:db8::1")

    assert nameserver.asked == [f"1{'.0' * 23}.8.b.d.0.1.0.0.2.bl.example."]


async def test_it_is_asked_again_until_it_is_gone(house: House, nameserver: NameServer) -> None:
    """A removal takes some milliseconds to reach DNS: the old answer is no verdict yet."""
    nameserver.answers = lambda _: ["127.0.0.2"] if len(nameserver.asked) < 3 else []

    result = await checked(house.config)

    assert (result.gone, len(nameserver.asked)) == (True, 3)


async def test_another_category_does_not_count(house: House, nameserver: NameServer) -> None:
    """Listed for something else: this category is gone all the same."""
    nameserver.answers = lambda _: ["127.0.0.10"]

    assert (await checked(house.config)).gone is True


async def test_the_old_answer_after_all_is_said(house: House, nameserver: NameServer) -> None:
    """Still listed when patience ends: no promise is made."""
    nameserver.answers = lambda _: ["127.0.0.2"]

    assert (await checked(house.config)).gone is False


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
async def test_a_server_that_cannot_answer_has_not_answered(
    house: House, nameserver: NameServer, rcode: dns.rcode.Rcode
) -> None:
    """SERVFAIL and REFUSED say nothing about the address."""
    nameserver.rcode = rcode

    assert (await checked(house.config)).gone is None


async def test_silence_is_said_to_be_silence(house: House, nameserver: NameServer) -> None:
    """Within about a second the page comes, and claims nothing."""
    nameserver.silent = True

    result = await checked(house.config)

    assert result.gone is None
    assert 900 <= result.after_ms <= 5000


async def test_a_wildcard_listener_is_asked_over_the_loopback(
    house: House, nameserver: NameServer
) -> None:
    """dns.listen = 0.0.0.0 is reached at 127.0.0.1."""
    house.file.write_text(house.file.read_text().replace(
        f'"127.0.0.1:{house.dns_port}"', f'"0.0.0.0:{house.dns_port}"'
    ))  # fmt: skip

    assert (await checked(house.config)).gone is True
    assert nameserver.asked
