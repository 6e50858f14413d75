"""What senders' DNS says, from BIND by way of Unbound: who controls an address, who gets mail."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import pytest
from house import ZONE_TEXT, House, free_port
from internet import until
from mailserver import link_in_file
from portal import Clock, Portal

from api.mail_domain import can_get_mail
from api.proof import prove
from api.resolver import Resolver, UnknownError
from dnsbl.config import Endpoint, ResolverConfig
from dnsbl.delist.case import Proof
from dnsbl.network import parse
from dnsbl.store.request_states import State

ELSEWHERE = parse("198.51.100.1")

# All of the world in one zone, as the root has it.
WORLD = """\
$TTL 60
. SOA a.root. nobody.invalid. 1 3600 600 86400 60
. NS a.root.
a.root. A 127.0.0.1

; a mail server with names of both families
7.113.0.203.in-addr.arpa. PTR mx.sender.example.
7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR mx.sender.example.
mx.sender.example. A 203.0.113.7
mx.sender.example. AAAA 2001:db8::7
sender.example. MX 10 mx.sender.example.

; one below a /24, by an alias (RFC 2317), and two names of which one lies
8.113.0.203.in-addr.arpa. CNAME 8.8-15.113.0.203.in-addr.arpa.
8.8-15.113.0.203.in-addr.arpa. PTR out.small.example.
8.8-15.113.0.203.in-addr.arpa. PTR mx.sender.example.
out.small.example. A 203.0.113.8

; mail that goes to an address without a name
customer.example. MX 10 mx.customer.example.
mx.customer.example. A 203.0.113.9
hosted.example. CNAME customer.example.

; no mail
null.example. MX 0 .
null.example. A 203.0.113.7
text.example. TXT "v=spf1 -all"
plain.example. A 203.0.113.7

; servers that nobody finds, and aliases without an end
lame.example. NS ns.nowhere.example.
loop.example. CNAME pool.example.
pool.example. CNAME loop.example.

; a hundred names, as many as BIND takes
$GENERATE 1000-1099 10.113.0.203.in-addr.arpa. PTR h$.many.example.
$GENERATE 1000-1099 h$.many.example. A 203.0.113.10
"""
NAMED = """\
options {{
    directory "{folder}";
    listen-on port {port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    recursion no;
    dnssec-validation no;
    pid-file none;
    session-keyfile none;
}};
controls {{ }};
zone "." {{ type primary; file "{folder}/world.zone"; }};
"""
UNBOUND = """\
server:
    directory: "{folder}"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    interface: 127.0.0.1@{port}
    do-not-query-localhost: no
    do-ip6: no
    module-config: "iterator"
    local-zone: "113.0.203.in-addr.arpa." nodefault
    local-zone: "8.b.d.0.1.0.0.2.ip6.arpa." nodefault
remote-control:
    control-enable: no
stub-zone:
    name: "."
    stub-addr: 127.0.0.1@{world_port}
    stub-prime: no
"""


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, tool: Callable[[str], str]
) -> Iterator[Endpoint]:
    """A recursive name server for all of it."""
    folder = tmp_path_factory.mktemp("senders")
    world_port, port = free_port(), free_port()
    (folder / "world.zone").write_text(WORLD)
    (folder / "named.conf").write_text(NAMED.format(folder=folder, port=world_port))
    (folder / "unbound.conf").write_text(
        UNBOUND.format(folder=folder, port=port, world_port=world_port)
    )
    with ExitStack() as stack:
        start(stack, folder, tool("named"), "-f", "-c", "named.conf")
        until_answered(world_port)
        start(stack, folder, tool("unbound"), "-d", "-c", "unbound.conf")
        until_answered(port)
        yield Endpoint("127.0.0.1", port)


def start(stack: ExitStack, folder: Path, *command: str) -> None:
    """A daemon in the foreground, until the stack is closed."""
    log = stack.enter_context((folder / f"{Path(command[0]).name}.log").open("wb"))
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )
    stack.callback(process.wait, 30)
    stack.callback(process.terminate)


def until_answered(port: int) -> None:
    """Returns once a server knows the world."""

    def answered() -> bool:
        query = dns.message.make_query("a.root", "A")
        try:
            return bool(dns.query.udp(query, "127.0.0.1", port=port, timeout=0.2).answer)
        except (OSError, dns.exception.Timeout):
            return False

    until(answered, f"nobody answers on port {port}")


@pytest.fixture
def resolver(server: Endpoint) -> Resolver:
    """Asks that server."""
    return Resolver(ResolverConfig((server,), timeout_s=5))


@pytest.mark.parametrize(
    ("address", "mailbox", "level"),
    [
        ("203.0.113.7", "jo@sender.example", 1),
        ("203.0.113.7", "abuse@mx.sender.example", 2),
        ("2001:db8::7", "postmaster@sender.example", 2),
        ("203.0.113.7", "postmaster@small.example", 0),
        ("203.0.113.8", "postmaster@small.example", 2),
        ("203.0.113.8", "postmaster@sender.example", 0),
        ("203.0.113.9", "postmaster@customer.example", 1),
        ("203.0.113.9", "jo@hosted.example", 1),
        ("203.0.113.9", "jo@sender.example", 0),
        ("203.0.113.10", "abuse@h1009.many.example", 2),
        ("203.0.113.10", "abuse@h1010.many.example", 1),
        ("203.0.113.11", "jo@lame.example", 0),
        ("203.0.113.11", "jo@loop.example", 0),
        ("203.0.113.11", "jo@nowhere.example", 0),
    ],
)
async def test_a_mailbox_proves_control_of_an_address(
    resolver: Resolver, address: str, mailbox: str, level: int
) -> None:
    """By reverse names, aliases and MX hosts; within three seconds, whatever is asked for."""
    started_at = time.monotonic()

    proof = await prove(parse(address), mailbox, ELSEWHERE, resolver)
    assert proof.level == level
    assert time.monotonic() - started_at < 4


async def test_the_name_that_lies_is_not_among_the_domains(resolver: Resolver) -> None:
    """Only the one that leads back is."""
    proof = await prove(parse("203.0.113.8"), "", ELSEWHERE, resolver)

    assert proof == Proof(0, ("small.example", "out.small.example"))


@pytest.mark.parametrize(
    ("domain", "gets"),
    [
        ("sender.example", True),
        ("hosted.example", True),
        ("plain.example", True),
        ("null.example", False),
        ("text.example", False),
        ("nowhere.example", False),
        ("lame.example", True),
        ("loop.example", True),
    ],
)
async def test_who_gets_mail(resolver: Resolver, domain: str, *, gets: bool) -> None:
    """What is broken is not known, so its mail is tried."""
    assert await can_get_mail(resolver, domain) is gets


async def test_a_name_that_cannot_be_resolved_is_not_known(resolver: Resolver) -> None:
    """What Unbound says of a lame delegation is SERVFAIL."""
    started_at = time.monotonic()

    with pytest.raises(UnknownError):
        await resolver.exchangers("lame.example")
    assert time.monotonic() - started_at < 4


async def test_a_visit_with_proof(server: Endpoint, house: House) -> None:
    """A list that asks for postmaster or abuse: the page says where, and the press delists."""
    house.write_zone(f"{ZONE_TEXT}\n[category.spam.policy]\nproof = 2\n")
    house.write_config(f'[resolver]\nservers = ["{server}"]')
    async with Portal(house, Clock()) as portal:
        await portal.add("203.0.113.7")
        page = await portal.fetch("/?ip=203.0.113.7")
        assert "postmaster or abuse at one of these domains" in page.text
        assert "sender.example, mx.sender.example" in page.text

        await portal.ask("203.0.113.7", "abuse@sender.example")
        await portal.delivered()
        await portal.press(link_in_file(house.config.data.outbox))
        assert (await portal.state(), await portal.listed()) == (State.DELISTED, [])
