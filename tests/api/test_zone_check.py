"""What the page says of DNS is what DNS said."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

import dns.edns
import dns.message
import dns.rcode
import dns.rrset
import pytest
from house import ZONE_TEXT, House
from portal import START, NameServer

from api.zone_check import Checked, Heard, check
from dnsbl.config import Config
from dnsbl.network import parse

SEQ = 1_799_000_000  # the journal's number of the removal


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
    (result,) = await check(
        config, parse(address), [(zone, zone.categories[0])], time.monotonic(),
        seq=SEQ, now=lambda: float(START),
    )  # fmt: skip
    return result


def tell(config: Config, applied_seq: int, written_at: float = START) -> None:
    """Writes what the DNS process would say of itself."""
    zones = {zone.origin: {"serial": 1, "entries": 0} for zone in config.zones}
    status = {
        "state": "serving", "started_at": START - 60, "written_at": written_at,
        "database_readable": True, "applied_seq": applied_seq, "zones": zones, "counters": {},
    }  # fmt: skip
    config.data.dns_status.parent.mkdir(parents=True, exist_ok=True)
    config.data.dns_status.write_text(json.dumps(status))


def close(house: House, table: str) -> None:
    """Has the zone answer others than us."""
    house.write_zone(ZONE_TEXT.replace("[category", f"{table}[category", 1))


async def test_nxdomain_is_gone(house: House, nameserver: NameServer) -> None:
    """The zone was asked as a mail server would ask, and does not know the address."""
    result = await checked(house.config)

    assert result.heard is Heard.GONE
    assert nameserver.asked == ["7.113.0.203.bl.example."]


async def test_an_ipv6_address_is_asked_by_nibbles(house: House, nameserver: NameServer) -> None:
    """RFC 5782 §2.4."""
    await checked(house.config, "2001:db8::1")

    assert nameserver.asked == [f"1{'.0' * 23}.8.b.d.0.1.0.0.2.bl.example."]


async def test_it_is_asked_again_until_it_is_gone(house: House, nameserver: NameServer) -> None:
    """A removal takes some milliseconds to reach DNS: the old answer is no verdict yet."""
    nameserver.answers = lambda _: ["127.0.0.2"] if len(nameserver.asked) < 3 else []

    result = await checked(house.config)

    assert (result.heard, len(nameserver.asked)) == (Heard.GONE, 3)


async def test_another_category_does_not_count(house: House, nameserver: NameServer) -> None:
    """Listed for something else: this category is gone all the same."""
    nameserver.answers = lambda _: ["127.0.0.10"]

    assert (await checked(house.config)).heard is Heard.GONE


async def test_the_old_answer_after_all_is_said(house: House, nameserver: NameServer) -> None:
    """Still listed when patience ends: no promise is made."""
    nameserver.answers = lambda _: ["127.0.0.2"]

    assert (await checked(house.config)).heard is Heard.LISTED


async def test_a_server_that_cannot_answer_has_not_answered(
    house: House, nameserver: NameServer
) -> None:
    """SERVFAIL says nothing about the address."""
    nameserver.rcode = dns.rcode.SERVFAIL

    assert (await checked(house.config)).heard is Heard.SILENT


@pytest.mark.parametrize(("answers", "heard"), [(["127.0.0.2"], Heard.LISTED), ([], Heard.GONE)])
async def test_what_is_cut_is_asked_over_tcp(
    house: House, nameserver: NameServer, answers: list[str], heard: Heard
) -> None:
    """Rate limits answer so to whoever asks much: that there is no record in it says nothing."""
    nameserver.cuts = True

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(2), "big")
        query = dns.message.from_wire(await reader.readexactly(length))
        reply = dns.message.make_response(query)
        if answers:
            name = query.question[0].name
            reply.answer.append(dns.rrset.from_text_list(name, 60, "IN", "A", answers))
        else:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        writer.write(reply.to_wire(prepend_length=True))
        await writer.drain()
        writer.close()

    before = await checked(house.config)
    async with await asyncio.start_server(answer, "127.0.0.1", house.dns_port):
        after = await checked(house.config)

    assert (before.heard, after.heard) == (Heard.SILENT, heard)


async def test_a_prohibition_is_no_silence(house: House, nameserver: NameServer) -> None:
    """RFC 8914 §4.19: asked once, and then the process is believed, whatever it says of itself."""
    nameserver.rcode = dns.rcode.REFUSED
    nameserver.extended = dns.edns.EDECode.PROHIBITED
    before = await checked(house.config)
    tell(house.config, SEQ)

    after = await checked(house.config)

    assert (before.heard, after.heard) == (Heard.CLOSED, Heard.TAKEN_IN)
    assert after.after_ms < 900
    assert len(nameserver.asked) == 2


@pytest.mark.parametrize("extended", [None, dns.edns.EDECode.NOT_AUTHORITATIVE])
async def test_a_refusal_that_is_not_of_us_is_a_trouble(
    house: House, nameserver: NameServer, extended: dns.edns.EDECode | None
) -> None:
    """REFUSED is also what a server says that has not loaded the zone: nobody is shut out."""
    nameserver.rcode = dns.rcode.REFUSED
    nameserver.extended = extended
    tell(house.config, SEQ)

    assert (await checked(house.config)).heard is Heard.SILENT


CLOSED = [
    '[keys]\nmode = "required"\n',
    '[access]\nrefuse = ["127.0.0.0/8"]\n',
    '[access]\nempty = ["127.0.0.0/8"]\n',
    '[access]\nempty = ["127.0.0.1/32"]\npass = ["127.0.0.0/8"]\n',
    '[access]\ndefault = "ignore"\n',
]


@pytest.mark.parametrize("table", CLOSED)
async def test_a_zone_that_is_closed_to_us_is_not_asked(
    house: House, nameserver: NameServer, table: str
) -> None:
    """It would say that nothing is listed, or nothing: no proof. Its process has the change."""
    close(house, table)
    tell(house.config, SEQ + 3)

    result = await checked(house.config)

    assert result.heard is Heard.TAKEN_IN
    assert nameserver.asked == []


@pytest.mark.parametrize("table", ['[access]\nrefuse = ["127.0.0.0/8"]\npass = ["127.0.0.1"]\n'])
async def test_a_zone_that_lets_us_ask_is_asked(
    house: House, nameserver: NameServer, table: str
) -> None:
    """The most specific network of an access list decides."""
    close(house, table)

    assert (await checked(house.config)).heard is Heard.GONE
    assert nameserver.asked


@pytest.mark.parametrize(
    ("applied_seq", "written_at"), [(SEQ - 1, START), (SEQ, START - 60)], ids=["behind", "stale"]
)
async def test_a_process_that_has_not_the_change_proves_nothing(
    house: House, nameserver: NameServer, applied_seq: int, written_at: float
) -> None:
    """One that lags behind, or is gone."""
    close(house, CLOSED[0])
    tell(house.config, applied_seq, written_at)

    result = await checked(house.config)

    assert result.heard is Heard.CLOSED
    assert nameserver.asked == []
    assert result.after_ms >= 1400


async def test_silence_is_said_to_be_silence(house: House, nameserver: NameServer) -> None:
    """Within about a second the page comes, and claims nothing."""
    nameserver.silent = True

    result = await checked(house.config)

    assert result.heard is Heard.SILENT
    assert 900 <= result.after_ms <= 5000


async def test_a_wildcard_listener_is_asked_over_the_loopback(
    house: House, nameserver: NameServer
) -> None:
    """dns.listen = 0.0.0.0 is reached at 127.0.0.1."""
    house.file.write_text(house.file.read_text().replace(
        f'"127.0.0.1:{house.dns_port}"', f'"0.0.0.0:{house.dns_port}"'
    ))  # fmt: skip

    assert (await checked(house.config)).heard is Heard.GONE
    assert nameserver.asked
