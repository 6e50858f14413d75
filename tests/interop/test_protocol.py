"""What dig and kdig may ask beside what is listed: of the server itself, and oddly."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from digging import Dug, dig, kdig
from house import ZONE_TEXT, House, free_port
from running import PROGRAM, PURE, Running, run_dnsbl

NAMES = {
    "listed": "7.2.0.192.bl.example",
    "unlisted": "8.2.0.192.bl.example",
    "above": "2.0.192.bl.example",
    "origin": "bl.example",
}
STATUS = dict.fromkeys(NAMES, "NOERROR") | {"unlisted": "NXDOMAIN"}
POLICY = '[category.policy]\nanswer = "127.0.0.3"\ntext = "No mail from [$]"\n'
IDENTITY = "ns1.bl.example"
NSID = f'NSID: {IDENTITY.encode().hex().upper()} "{IDENTITY}"'
CLIENT_COOKIE = "0102030405060708"
CHAOS_NAMES = ("version.bind", "version.server", "id.server", "hostname.bind")

PATHS = {"as installed": PROGRAM, "pure": PURE}


@pytest.fixture(scope="module", params=PATHS)
def port(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    tool: Callable[[str], str],
) -> Iterator[int]:
    """That of a server which tells who it is; 192.0.2.7 is in two categories."""
    for program in ("dig", "kdig"):
        tool(program)
    house = House(tmp_path_factory.mktemp("house"), free_port(), free_port())
    house.write_zone(ZONE_TEXT + POLICY)
    house.write_config()
    configured = house.file.read_text()
    house.file.write_text(configured.replace("[dns]", f'[dns]\nidentity = "{IDENTITY}"'))
    for category in ("spam", "policy"):
        added = run_dnsbl(house.file, "add", "192.0.2.7", "--category", category)
        assert added.returncode == 0, added.stderr
    running = Running(house.file, "dns", PATHS[request.param])
    running.wait_for("ready")
    yield house.dns_port
    running.stop()


def ask(port: int, words: str) -> Dug:
    """The reply to a question in dig's words, but for cookies."""
    return dig(f"dig +nocookie +norec {words} @$server", "bl.example", port)


@pytest.mark.parametrize("name", NAMES)
def test_nsid_is_told_where_it_is_asked_for(port: int, name: str) -> None:
    """RFC 5001 §2.2: beside whatever is answered, over UDP and TCP; unasked, it is not told."""
    for transport in ("+notcp", "+tcp"):
        asked = kdig(f"+nsid {transport} {NAMES[name]} A", port)
        unasked = kdig(f"+edns {transport} {NAMES[name]} A", port)

        assert NSID in asked.text
        assert asked.status == unasked.status == STATUS[name]
        assert asked.values("A") == unasked.values("A")
        assert "NSID" not in unasked.text


@pytest.mark.parametrize("name", NAMES)
def test_a_cookie_is_given_and_taken_back(port: int, name: str) -> None:
    """RFC 7873 §5.2.3, §5.2.5: with it the same answer, whether it is new, ours or forged."""
    new = kdig(f"+cookie={CLIENT_COOKIE} {NAMES[name]} A", port)
    [ours] = re.findall(rf"COOKIE: {CLIENT_COOKIE}(01000000[0-9A-F]{{24}})\n", new.text)
    again = kdig(f"+cookie={CLIENT_COOKIE}{ours} {NAMES[name]} A", port)
    forged = kdig(f"+cookie={CLIENT_COOKIE}{ours[:-8]}00000000 {NAMES[name]} A", port)

    assert new.status == again.status == forged.status == STATUS[name]
    assert new.values("A") == again.values("A") == forged.values("A")
    for reply in (again, forged):
        assert re.search(rf"COOKIE: {CLIENT_COOKIE}01000000[0-9A-F]{{24}}\n", reply.text)
    assert f"{ours[:-8]}00000000" not in forged.text


@pytest.mark.parametrize("octets", [0, 1, 7, 9, 15, 41])
def test_a_cookie_of_another_length_is_an_error(port: int, octets: int) -> None:
    """RFC 7873 §5.2.2: FORMERR to all but 8 octets, or 16 to 40."""
    reply = ask(port, f"+ednsopt=10:{'11' * octets} 7.2.0.192.bl.example A")

    assert reply.status == "FORMERR"
    assert not reply.values("A")


def test_a_cookie_can_be_asked_for_alone(port: int) -> None:
    """RFC 7873 §5.4: a query without a question."""
    reply = dig("dig +norec +header-only +cookie @$server", "", port)

    assert reply.status == "NOERROR"
    assert reply.counts[:3] == (0, 0, 0)
    [cookie] = reply.options
    assert cookie.startswith("COOKIE: ")
    assert cookie.endswith(" (good)")


@pytest.mark.parametrize("name", CHAOS_NAMES)
def test_the_server_tells_who_it_is(port: int, name: str) -> None:
    """RFC 4892 §2: its version and its identity, in class CHAOS, in any case, not to be kept."""
    expected = "dnsbl" if name.startswith("version") else IDENTITY

    for spelt in (name, name.upper()):
        reply = ask(port, f"CH TXT {spelt}")
        assert (reply.status, reply.flags) == ("NOERROR", {"qr", "aa"})
        assert re.search(rf'\n{re.escape(spelt)}\.\s+0\s+CH\s+TXT\s+"{expected}"\n', reply.text)
    assert kdig(f"CH TXT {name}", port).values("TXT") == [f'"{expected}"']


def test_who_the_server_is_can_be_hidden(
    house: House, serve: Callable[..., Running], tool: Callable[[str], str]
) -> None:
    """With both keys empty: REFUSED in class CHAOS, and no NSID."""
    for program in ("dig", "kdig"):
        tool(program)
    configured = house.file.read_text()
    house.file.write_text(configured.replace("[dns]", '[dns]\nidentity = ""\nversion = ""'))
    serve(house.file, "dns")

    hidden = {name: ask(house.dns_port, f"CH TXT {name}") for name in CHAOS_NAMES}

    assert {name: reply.status for name, reply in hidden.items()} == dict.fromkeys(
        CHAOS_NAMES, "REFUSED"
    )
    assert not any(reply.values("TXT") for reply in hidden.values())
    assert "NSID" not in kdig("+nsid bl.example SOA", house.dns_port).text


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
@pytest.mark.parametrize(
    ("name", "found"),
    [("listed", ["127.0.0.2", "127.0.0.3"]), ("unlisted", []), ("above", []), ("origin", [])],
)
def test_any_gets_one_set_of_records(
    port: int, name: str, found: list[str], transport: str
) -> None:
    """RFC 8482 §4.1: A of what is listed, SOA of the origin, and nothing else."""
    reply = ask(port, f"{transport} {NAMES[name]} ANY")

    assert reply.status == STATUS[name]
    assert sorted(reply.values("A")) == found
    assert not reply.values("TXT")
    assert not reply.values("NS")
    assert reply.has_soa == (name == "origin")
    assert reply.counts[1:3] == ((len(found) or 1, 0) if found or reply.has_soa else (0, 1))


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
@pytest.mark.parametrize(
    ("opcode", "status", "options"),
    [
        ("NOTIFY", "REFUSED", ("EDE: 18 (Prohibited)",)),
        ("UPDATE", "REFUSED", ("EDE: 18 (Prohibited)",)),
        ("IQUERY", "NOTIMP", ()),
        ("STATUS", "NOTIMP", ()),
        ("6", "NOTIMP", ()),
        ("15", "NOTIMP", ()),
    ],
)
def test_other_opcodes_are_declined(
    port: int, opcode: str, status: str, options: tuple[str, ...], transport: str
) -> None:
    """RFC 1996 §3.11, RFC 2136 §3.3: REFUSED; NOTIMP what nobody offers; the opcode comes back."""
    reply = ask(port, f"{transport} +opcode={opcode} bl.example SOA")

    assert (reply.status, reply.flags, reply.options) == (status, {"qr"}, options)
    assert reply.opcode == {"6": "RESERVED6", "15": "RESERVED15"}.get(opcode, opcode)
    assert not reply.has_soa


@pytest.mark.parametrize("rdtype", ["TYPE257", "TYPE65534", "TYPE1000", "AAAA", "DS", "HTTPS"])
@pytest.mark.parametrize("name", NAMES)
def test_other_types_have_no_data(port: int, name: str, rdtype: str) -> None:
    """RFC 3597 §3, RFC 2308 §3: an empty answer with SOA; NXDOMAIN only where nothing is listed."""
    reply = ask(port, f"{NAMES[name]} {rdtype}")

    assert (reply.status, reply.flags) == (STATUS[name], {"qr", "aa"})
    assert reply.counts[1:3] == (0, 1)
    assert len(reply.values("SOA")) == 1


@pytest.mark.parametrize(
    ("qclass", "status", "options"),
    [
        ("CH", "REFUSED", ("EDE: 20 (Not Authoritative)",)),
        ("HS", "REFUSED", ("EDE: 20 (Not Authoritative)",)),
        ("CLASS17", "REFUSED", ("EDE: 20 (Not Authoritative)",)),
        ("CLASS65280", "REFUSED", ("EDE: 20 (Not Authoritative)",)),
        ("ANY", "REFUSED", ("EDE: 20 (Not Authoritative)",)),
        ("CLASS254", "FORMERR", ()),  # NONE, RFC 2136 §2.4
        ("CLASS0", "FORMERR", ()),  # reserved, RFC 6895 §3.2
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_other_classes_have_no_zones(
    port: int, name: str, qclass: str, status: str, options: tuple[str, ...]
) -> None:
    """Nothing is listed in them, and nothing is said not to be."""
    reply = ask(port, f"-q {NAMES[name]} -t A -c {qclass}")

    assert (reply.status, reply.flags, reply.options) == (status, {"qr"}, options)
    assert reply.counts[1:3] == (0, 0)
