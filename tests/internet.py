"""A small internet on one machine: a signed root, our list with its portal, a resolver, senders.

The list is served on port 53 of an address of its own, as the root's delegation says, or hidden
from the root, so that only a resolver that is told finds it.
"""

from __future__ import annotations

import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import visitor
from house import House
from mailserver import link_in_file
from namespaces import Namespace
from running import PROGRAM, Running

from dnsbl.store.database import open_writer

ROOT = "192.0.2.1"
LIST = "192.0.2.53"  # as docs/mail-servers.md has it
LISTS = (LIST, "192.0.2.54")  # both addresses that it is served on
MAIL_SERVER, MAIL_SERVER_IPV6 = "192.0.2.25", "2001:db8::25"
RESOLVER = "127.0.0.1"
PORTAL = f"http://{LIST}:8053"

NAMESERVERS = ("ns1.dns.example", "ns2.dns.example")

LISTED = "192.0.2.99"
LISTED_IPV6 = "2001:db8::99"
IN_RANGE, KNOWN = "198.51.100.7", "198.51.100.25"  # both listed; KNOWN is on the allow-list as well
UNLISTED = "203.0.113.99"
LISTED_DOMAIN = "spammer.example"

# What begins empty in the namespace: where the daemons keep sockets, queues and caches.
EMPTY = (
    "/run", "/var/cache/bind", "/var/cache/knot-resolver", "/var/lib/knot-resolver",
    "/var/lib/unbound", "/var/lib/postfix", "/var/spool/postfix", "/var/lib/rspamd",
    "/var/lib/spamassassin", "/var/log",
)  # fmt: skip

CONFIG = f"""\
[dns]
listen = ["{LISTS[0]}:53", "{LISTS[1]}:53"]
[portal]
listen = "{LIST}:8053"
public_url = "{PORTAL}"
"""
ROOT_CONFIG = f"""\
options {{
    directory "/var/cache/bind";
    listen-on {{ {ROOT}; }};
    listen-on-v6 {{ none; }};
    recursion no;
    pid-file none;
    session-keyfile none;
}};
controls {{ }};
zone "." {{ type primary; file "/etc/bind/root.signed"; }};
"""
ROOT_ZONE = f"""\
$TTL 3600
. SOA a.root. nobody.invalid. 1 3600 600 86400 60
. NS a.root.
a.root. A {ROOT}
mx.example. A {MAIL_SERVER}
sender.example. A {LISTED}
sender.example. MX 10 sender.example.
"""
ZONE = """\
origin = "{origin}"
nameservers = {nameservers}
hostmaster = "hostmaster@{origin}"
ttl_s = {plan.ttl_s}
negative_ttl_s = {plan.negative_ttl_s}
{kind}
[hosts]
{hosts}
[category.{category}]
answer = "127.0.0.2"
text = "{text}"
"""
PATIENCE_S = 90  # two cores that also run other tests start a resolver slowly
LOG_LINES = 5  # of each daemon, where one of them is in vain waited for


@dataclass(frozen=True)
class Kind:
    """A kind of list: its keys in a zone file, and what is listed."""

    keys: str
    category: str
    text: str
    listed: tuple[str, ...]


KINDS = {
    "bl.example": Kind(
        'lists = "addresses"', "spam", "Banned sending IP [$]; to be removed visit {portal}/?ip=$",
        ("192.0.2.99/32", "2001:db8::99/128", "198.51.100.0/24", "203.0.113.128/25"),
    ),
    "dbl.example": Kind('lists = "names"', "spam", "$ sends spam", (f".{LISTED_DOMAIN}",)),
    "wl.example": Kind('reputation = "good"', "known", "$ is known", (f"{KNOWN}/32",)),
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What differs from one internet to another; by default, what is asked is soon forgotten."""

    origins: tuple[str, ...] = ("bl.example",)
    ttl_s: int = 1
    negative_ttl_s: int = 1
    nameservers: tuple[str, str] = NAMESERVERS
    hidden: bool = False  # from the root: the lists are not delegated
    config: str = ""  # further TOML of dnsbl.toml, beginning with a table of its own
    zone_config: str = ""  # the same of each zone file

    def zone(self, origin: str) -> str:
        """The zone file of a list."""
        kind = KINDS[origin]
        inside = [name for name in self.nameservers if name.endswith(f".{origin}")]
        return ZONE.format(
            plan=self,
            origin=origin,
            nameservers=list(self.nameservers),
            kind=kind.keys,
            hosts="".join(
                f'"{name}" = ["{address}"]\n' for name, address in zip(inside, LISTS, strict=False)
            ),
            category=kind.category,
            text=kind.text,
        ) + self.zone_config  # fmt: skip

    @property
    def delegation(self) -> str:
        """The root's records of the lists."""
        names = "".join(
            f"{origin}. NS {name}.\n" for origin in self.origins for name in self.nameservers
        )
        addresses = "".join(
            f"{name}. A {address}\n" for name, address in zip(self.nameservers, LISTS, strict=True)
        )
        return "" if self.hidden else names + addresses


class Internet:
    """The root and the lists, running."""

    def __init__(self, namespace: Namespace, folder: Path, plan: Plan) -> None:
        self.plan = plan
        self.namespace = namespace
        self.folder = folder
        self._daemons = 0
        namespace.add_addresses(
            ROOT,
            *LISTS,
            MAIL_SERVER,
            LISTED,
            LISTED_IPV6,
            IN_RANGE,
            KNOWN,
            UNLISTED,
            MAIL_SERVER_IPV6,
        )
        namespace.write("/etc/resolv.conf", f"nameserver {RESOLVER}\n")
        namespace.write("/etc/bind/root.conf", ROOT_CONFIG)
        namespace.write("/etc/bind/root.zone", ROOT_ZONE + plan.delegation)
        self.root_key = self._sign_root()
        self.start("named", "-f", "-c", "/etc/bind/root.conf")
        self.house = House(folder, 53, 8053)
        for origin in plan.origins:
            self.house.write_zone(plan.zone(origin), origin)
        self.house.file.write_text(CONFIG + plan.config)
        self._list()
        self.list = Running(self.house.file, program=namespace.within(*PROGRAM))
        self.list.wait_for("ready")
        self.until_answered("a.root", "A", server=ROOT)

    def _list(self) -> None:
        """Lists what is listed, as another client of the database would."""
        rows = [
            (origin, subject, KINDS[origin].category)
            for origin in self.plan.origins
            for subject in KINDS[origin].listed
        ]
        database = self.house.config.data.database
        open_writer(database).close()
        with closing(sqlite3.connect(database)) as other, other:
            other.executemany(
                "INSERT INTO listings (zone, network, category) VALUES (?, ?, ?)", rows
            )

    def _sign_root(self) -> str:
        """Signs the root zone; its key, as the resolvers are to trust it."""
        name = self.namespace.run(
            "dnssec-keygen", "-q", "-K", "/etc/bind", "-f", "KSK", "-a", "ECDSAP256SHA256", "."
        ).strip()
        self.namespace.run(
            "dnssec-signzone", "-q", "-S", "-z", "-K", "/etc/bind", "-o", ".",
            "-f", "/etc/bind/root.signed", "/etc/bind/root.zone",
        )  # fmt: skip
        lines = (self.namespace.root / f"etc/bind/{name}.key").read_text().splitlines()
        return next(line for line in lines if not line.startswith(";"))

    def close(self) -> None:
        """Ends all of it."""
        self.namespace.close()
        self.list.stop()

    def start(self, *command: str) -> Path:
        """A daemon in the foreground; the file that it logs to."""
        self._daemons += 1
        log = self.folder / f"{Path(command[0]).name}-{self._daemons}.log"
        self.namespace.start(*command, log=log)
        return log

    def ask(
        self, name: str, kind: str = "A", server: str = RESOLVER, timeout_s: float = 10
    ) -> dns.message.Message:
        """One question, to the resolver."""
        query = dns.message.make_query(name, kind)
        with self.namespace.inside():
            return dns.query.udp(query, server, timeout=timeout_s)

    def until_answered(self, name: str, kind: str, server: str = RESOLVER) -> None:
        """Returns once a server that is starting has an answer."""

        def answered() -> bool:
            try:
                return bool(self.ask(name, kind, server, 0.2).answer)
            except (OSError, dns.exception.DNSException):
                return False

        self._until(answered, f"{server} has no answer for {name} {kind}")

    def until_listening(self, port: int, address: str = MAIL_SERVER) -> None:
        """Returns once a port of a server that is starting takes connections."""

        def listening() -> bool:
            with self.namespace.inside():
                try:
                    socket.create_connection((address, port), 1).close()
                except OSError:
                    return False
            return True

        self._until(listening, f"nobody listens on {address} port {port}")

    def _until(self, true: Callable[[], bool], otherwise: str) -> None:
        """As `until`; where it is in vain, the last lines of the daemons' logs are told too."""
        try:
            until(true, otherwise)
        except AssertionError as error:
            for log in sorted(self.folder.glob("*.log")):
                lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
                error.add_note("\n".join([f"{log.name}:", *lines]))
            raise

    def cut_off(self) -> None:
        """Takes the list off the network, for good: resolvers have no answer from it."""
        for address in LISTS:
            self.namespace.run("ip", "address", "del", f"{address}/32", "dev", "lo")

    def delist(self, address: str) -> None:
        """Takes an address off the list as its owner would: form, mail, link, button."""
        outbox = self.house.config.data.outbox

        def mails() -> int:
            return len(list(outbox.glob("*.eml")))

        before = mails()
        with self.namespace.inside():
            answer = visitor.request(PORTAL, address, "postmaster@sender.example")
            assert answer.status == 303, answer.text
            until(lambda: mails() > before, "no mail was written")
            answer = visitor.press(link_in_file(outbox))
        assert "no longer listed" in answer.text


def until(true: Callable[[], bool], otherwise: str) -> None:
    """Returns once something is true; where no event tells of it, that is asked again and again."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.02)
