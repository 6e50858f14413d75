"""`query`: asks over DNS as a mail server would, A first, then TXT where it is listed."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import click
import dns.edns
import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rdtypes.IN.A
import dns.rdtypes.txtbase

from dnsbl.cli import options, report
from dnsbl.cli.scope import check_fits_any, chosen_zone, fits, origin
from dnsbl.cli.verb import Verb
from dnsbl.config import Config, Endpoint, Reputation, ZoneConfig, load
from dnsbl.name import DomainNameError, Name, parse_name
from dnsbl.network import Network, parse_address
from dnsbl.subject import is_address_like
from dnsbl.wire.numbers import ExtendedCode

TIMEOUT_S: Final = 3.0
UDP_PAYLOAD_OCTETS: Final = 1232  # DNS Flag Day 2020

NOT_LET: Final = (
    "its access list does not let this machine ask; where the server is yours, `pass` does, in "
    "[dns.access] of dnsbl.toml or [access] of the zone file"
)

EXIT_UNLISTED: Final = 1
EXIT_NO_ANSWER: Final = 2

_WILDCARDS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # read, not bound


@dataclass(frozen=True, slots=True)
class Question:
    """A name to ask for, and the zone that it lies in; its reputation, where it is ours."""

    zone: str
    name: dns.name.Name
    reputation: Reputation | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a question. ``fault`` says why nothing can be concluded; then `listed` is false.

    ``reputation`` is the zone's: who is listed by a "good" one has a good one;
    None of a zone that is not ours. ``ttl_s`` is how long the answer, a negative
    one too, may be kept; ``ms`` how long the A record took, in milliseconds.
    ``extended_error`` is the server's own number for what is wrong (RFC 8914).
    """

    zone: str
    reputation: Reputation | None
    name: str
    listed: bool
    rcode: str | None
    answers: tuple[str, ...]
    texts: tuple[str, ...]
    ttl_s: int | None
    ms: float
    fault: str | None
    extended_error: int | None = None

    @property
    def prohibited(self) -> bool:
        """Whether the server answers, and does not want to answer us."""
        return self.extended_error == ExtendedCode.PROHIBITED


@dataclass(frozen=True, slots=True)
class Server:
    """Whom to ask, and how."""

    endpoint: Endpoint
    tcp: bool = False
    timeout_s: float = TIMEOUT_S

    def exchange(
        self, name: dns.name.Name, kind: dns.rdatatype.RdataType
    ) -> dns.message.QueryMessage:
        """One question and its answer, by TCP where UDP was truncated (RFC 7766 §5).

        Raises OSError, EOFError and dns.exception.DNSException.
        """
        query = dns.message.make_query(name, kind, use_edns=0, payload=UDP_PAYLOAD_OCTETS)
        where, port = self.endpoint.address, self.endpoint.port
        if self.tcp:
            answer = dns.query.tcp(query, where, self.timeout_s, port)
        else:
            family = socket.AF_INET6 if ":" in where else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as udp:
                udp.settimeout(0)
                udp.connect((where, port))  # so that a closed port is known at once
                answer, _ = dns.query.udp_with_fallback(
                    query, where, self.timeout_s, port, udp_sock=udp
                )
        assert isinstance(answer, dns.message.QueryMessage)
        return answer


def address_question(address: Network, zone: str, reputation: Reputation | None = None) -> Question:
    """The reversed address below the zone (RFC 5782 §2.1, §2.4)."""
    name = dns.name.from_text(".".join((*address.reverse_labels, zone)))
    return Question(zone, name, reputation)


def name_question(name: Name, zone: str, reputation: Reputation | None = None) -> Question:
    """The name below the zone (RFC 5782 §3). Raises click.UsageError where the two are too long."""
    try:
        return Question(zone, dns.name.from_text(f"{name.domain}.{zone}"), reputation)
    except dns.exception.DNSException:
        raise click.UsageError(f"{name} is too long to be asked below {zone}") from None


def questions(target: str, zones: Sequence[ZoneConfig | str]) -> list[Question]:
    """What to ask in each zone for an address or a name; of a name in one of them, as it stands.

    Zones of ours are asked for what they list; what others list is not known.
    Raises NetworkError for what is no address, and click.UsageError where no
    zone could tell.
    """
    if is_address_like(target):
        address = parse_address(target)
        return [address_question(address, *zone) for zone in _asked(zones, address)]
    inside = _as_it_stands(target, zones)
    if inside is not None:
        return [inside]
    try:
        name = parse_name(target)
    except DomainNameError as error:
        raise click.UsageError(f"{target!r} is neither an address nor a name: {error}") from None
    if not name.is_exact:
        raise click.UsageError(f"{target!r} is a wildcard; one name is needed here")
    return [name_question(name, *zone) for zone in _asked(zones, name)]


def _asked(
    zones: Sequence[ZoneConfig | str], subject: Network | Name
) -> list[tuple[str, Reputation | None]]:
    """The zones that list such things. Raises click.UsageError where none does."""
    ours = [zone for zone in zones if not isinstance(zone, str)]
    if len(ours) == len(zones):
        check_fits_any(ours, subject)
    return [
        (zone, None) if isinstance(zone, str) else (zone.origin, zone.reputation)
        for zone in zones
        if isinstance(zone, str) or fits(zone, subject)
    ]


def _as_it_stands(target: str, zones: Sequence[ZoneConfig | str]) -> Question | None:
    """The question for a name that lies in one of the zones, the innermost of them."""
    try:
        name = dns.name.from_text(target)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise click.UsageError(f"{target!r} is neither an address nor a name: {error}") from None
    found: Question | None = None
    depth = 0
    for zone in zones:
        origin_text = zone if isinstance(zone, str) else zone.origin
        above = dns.name.from_text(origin_text)
        if name.is_subdomain(above) and len(above) > depth:
            depth = len(above)
            reputation = None if isinstance(zone, str) else zone.reputation
            found = Question(origin_text, name, reputation)
    return found


def ask(question: Question, server: Server) -> Reply:
    """Asks for A, and for TXT where there is one; never raises for what the network does."""
    started = time.perf_counter()
    rcode: str | None = None
    try:
        answer = server.exchange(question.name, dns.rdatatype.A)
        ms = round((time.perf_counter() - started) * 1000, 3)
        rcode = dns.rcode.to_text(answer.rcode())
        if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return _refused(question, answer, ms, rcode)
        found = answer.resolve_chaining()
        ttl_s = found.minimum_ttl if answer.answer or answer.authority else None
        addresses = tuple(record.to_text() for record in found.answer or ())
        outside = [text for text in addresses if not ipaddress.ip_address(text).is_loopback]
        if outside:  # RFC 6471 §3.3: such a list is broken, or its domain is for sale
            return _faulty(question, f"answers {outside[0]}, outside 127.0.0.0/8", ms, rcode)
        texts = _texts(server, question.name) if addresses else ()
    except dns.exception.Timeout:
        fault = f"no answer within {server.timeout_s:g} s"
    except dns.exception.DNSException as error:
        fault = f"the answer makes no sense: {error}"
    except EOFError:  # dnspython's, over TCP
        fault = "the server ends the connection without an answer"
    except OSError as error:
        fault = f"cannot be reached: {error.strerror or error}"
    else:
        return Reply(
            question.zone, question.reputation, question.name.to_text(omit_final_dot=True),
            bool(addresses), rcode, addresses, texts, ttl_s, ms, None,
        )  # fmt: skip
    return _faulty(question, fault, round((time.perf_counter() - started) * 1000, 3), rcode)


def _faulty(
    question: Question, fault: str, ms: float, rcode: str | None, extended_error: int | None = None
) -> Reply:
    return Reply(
        question.zone, question.reputation, question.name.to_text(omit_final_dot=True),
        False, rcode, (), (), None, ms, fault, extended_error,  # noqa: FBT003  # a field
    )  # fmt: skip


def _refused(question: Question, answer: dns.message.QueryMessage, ms: float, rcode: str) -> Reply:
    """A reply without a verdict, with what its extended error says of why (RFC 8914)."""
    fault = f"the server answers {rcode}"
    told = next(
        (option for option in answer.options if isinstance(option, dns.edns.EDEOption)), None
    )
    if told is None:
        return _faulty(question, fault, ms, rcode)
    code = int(told.code)
    if told.text:
        fault += f": {report.printable(told.text)}"
    elif code == ExtendedCode.PROHIBITED:
        fault += f" (Prohibited): {NOT_LET}"
    return _faulty(question, fault, ms, rcode, code)


def _texts(server: Server, name: dns.name.Name) -> tuple[str, ...]:
    answer = server.exchange(name, dns.rdatatype.TXT).resolve_chaining().answer
    return tuple(
        b"".join(record.strings).decode("utf-8", "backslashreplace")
        for record in answer or ()
        if isinstance(record, dns.rdtypes.txtbase.TXTBase)
    )


def nearby(endpoint: Endpoint) -> Endpoint:
    """Where to ask a server that listens there: loopback, if it listens on all addresses."""
    return Endpoint(_WILDCARDS.get(endpoint.address, endpoint.address), endpoint.port)


@click.command(
    short_help="Ask over DNS whether an address or a name is listed.",
    cls=Verb,
    examples=(
        "dnsbl query 192.0.2.1",
        "dnsbl query 2001:db8::1 --tcp -o json",
        "dnsbl query 127.0.0.2 --server 192.0.2.53 --zone bl.example",
        "dnsbl query example.com --zone names.example",
    ),
)
@click.argument("target", metavar="ADDRESS|NAME")
@click.option("--zone", metavar="ZONE",
              help="Ask this zone; with --server, anybody's.  [default: all of ours]")  # fmt: skip
@click.option("--server", type=options.EndpointType(), metavar="ADDRESS[:PORT]",
              help="Whom to ask.  [default: the first of dns.listen]")  # fmt: skip
@click.option("--tcp", is_flag=True, help="By TCP.  [default: UDP, TCP if truncated]")
@click.option("--timeout", "timeout_s", type=options.Real(0.05, 60), default=TIMEOUT_S,
              show_default=True, metavar="SECONDS",
              help="For each of the questions, A and TXT.")  # fmt: skip
@options.config_option
@options.output_option
def query(
    target: str,
    zone: str | None,
    server: Endpoint | None,
    tcp: bool,  # noqa: FBT001  # click's way
    timeout_s: float,
    config_file: Path,
    output: report.Output,
) -> None:
    """Ask over DNS whether an address or a name is listed, as a mail server would.

    Addresses are asked for in the zones that list addresses, names in those
    that list names; a name that lies in a zone is asked as it stands. The exit
    code is 0 if any zone lists it, 1 if none does, 2 if that cannot be told: no
    answer, an error, an answer outside 127.0.0.0/8. To be listed among the good
    counts only if that zone is asked by --zone.
    """
    zones: Sequence[ZoneConfig | str]
    if zone is None or server is None:
        config = load(config_file)
        zones = _zones(config, zone)
        server = server or config.dns.listen[0]
    else:
        zones = [origin(zone)]
    asks_one = zone is not None
    server = nearby(server)
    asked = Server(server, tcp, timeout_s)
    replies = [ask(question, asked) for question in questions(target, zones)]
    _print(replies, server, output, asks_one=asks_one)
    if _is_listed(replies, asks_one=asks_one):
        return
    faults = [f"{reply.zone}: {server}: {reply.fault}" for reply in replies if reply.fault]
    if faults:
        report.complain(faults[0])
        raise click.exceptions.Exit(EXIT_NO_ANSWER)
    good = " but among the good" if any(reply.listed for reply in replies) else ""
    report.complain(f"{target} is not listed{good}")
    raise click.exceptions.Exit(EXIT_UNLISTED)


def _zones(config: Config, zone: str | None) -> list[ZoneConfig]:
    return list(config.zones) if zone is None else [chosen_zone(config, zone)]


def _is_listed(replies: list[Reply], *, asks_one: bool) -> bool:
    """Whether it is listed: among the good only if asked for."""
    return any(reply.listed and (asks_one or reply.reputation != "good") for reply in replies)


def _print(
    replies: list[Reply], server: Endpoint, output: report.Output, *, asks_one: bool
) -> None:
    if output == "json":
        listed = _is_listed(replies, asks_one=asks_one)
        report.print_json(
            {
                "server": str(server),
                "listed": listed,
                "replies": [asdict(reply) for reply in replies],
            }
        )
        return
    for reply in replies:
        listed_as = "listed as good" if reply.reputation == "good" else "listed"
        state = "no verdict" if reply.fault else listed_as if reply.listed else "not listed"
        ttl = "" if reply.ttl_s is None else f", TTL {reply.ttl_s} s"
        report.say(f"{reply.name}  {state}  ({reply.rcode or 'no rcode'}{ttl}, {reply.ms:.1f} ms)")
        for address in reply.answers:
            report.say(f"  A    {address}")
        for text in reply.texts:
            report.say(f"  TXT  {text}")
