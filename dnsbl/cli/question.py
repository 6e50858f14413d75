"""`query`: asks over DNS as a mail server would, A first, then TXT where it is listed."""

from __future__ import annotations

import ipaddress
import re
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import click
import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rdtypes.IN.A
import dns.rdtypes.txtbase

from dnsbl.cli import options, report
from dnsbl.cli.scope import chosen_zone, origin
from dnsbl.cli.verb import Verb
from dnsbl.config import Config, Endpoint, load
from dnsbl.config.dns import parse_endpoint
from dnsbl.network import Network, parse_address

DNS_PORT: Final = 53
TIMEOUT_S: Final = 3.0
UDP_PAYLOAD_OCTETS: Final = 1232  # DNS Flag Day 2020

EXIT_UNLISTED: Final = 1
EXIT_NO_ANSWER: Final = 2

_WILDCARDS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # read, not bound
_ADDRESS_LIKE: Final = re.compile(r"[0-9.]*|.*[:/].*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Question:
    """A name to ask for, and the zone that it lies in."""

    zone: str
    name: dns.name.Name


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a question. ``fault`` says why nothing can be concluded; then `listed` is false.

    ``ttl_s`` is how long the answer, a negative one too, may be kept; ``ms``
    how long the A record took, in milliseconds.
    """

    zone: str
    name: str
    listed: bool
    rcode: str | None
    answers: tuple[str, ...]
    texts: tuple[str, ...]
    ttl_s: int | None
    ms: float
    fault: str | None


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

        Raises OSError and dns.exception.DNSException.
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


def address_question(address: Network, zone: str) -> Question:
    """The reversed address below the zone (RFC 5782 §2.1, §2.4)."""
    return Question(zone, dns.name.from_text(".".join((*address.reverse_labels, zone))))


def questions(target: str, zones: list[str]) -> list[Question]:
    """What to ask for an address, in each zone, or for a name that lies in one, as it stands.

    Raises NetworkError, and click.UsageError for any other name: the zones list addresses, so
    that "not listed" would say nothing of it.
    """
    if _ADDRESS_LIKE.fullmatch(target):
        address = parse_address(target)
        return [address_question(address, zone) for zone in zones]
    try:
        name = dns.name.from_text(target)
        for zone in zones:
            if name.is_subdomain(dns.name.from_text(zone)):
                return [Question(zone, name)]
    except (dns.exception.DNSException, UnicodeError) as error:
        raise click.UsageError(f"{target!r} is neither an address nor a name: {error}") from None
    raise click.UsageError(f"{target!r} is neither an address nor a name in {' or '.join(zones)}")


def ask(question: Question, server: Server) -> Reply:
    """Asks for A, and for TXT where there is one; never raises for what the network does."""
    started = time.perf_counter()
    rcode: str | None = None
    try:
        answer = server.exchange(question.name, dns.rdatatype.A)
        ms = round((time.perf_counter() - started) * 1000, 3)
        rcode = dns.rcode.to_text(answer.rcode())
        if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return _faulty(question, f"the server answers {rcode}", ms, rcode)
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
    except OSError as error:
        fault = f"cannot be reached: {error.strerror or error}"
    else:
        return Reply(
            question.zone, question.name.to_text(omit_final_dot=True), bool(addresses), rcode,
            addresses, texts, ttl_s, ms, None,
        )  # fmt: skip
    return _faulty(question, fault, round((time.perf_counter() - started) * 1000, 3), rcode)


def _faulty(question: Question, fault: str, ms: float, rcode: str | None) -> Reply:
    name = question.name.to_text(omit_final_dot=True)
    return Reply(question.zone, name, False, rcode, (), (), None, ms, fault)  # noqa: FBT003  # a field


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


class EndpointType(click.ParamType[Endpoint]):
    """An address with a port, or without: 53 then."""

    name = "server"

    def convert(
        self, value: str | Endpoint, param: click.Parameter | None, ctx: click.Context | None
    ) -> Endpoint:
        """The endpoint of a text."""
        if isinstance(value, Endpoint):
            return value
        try:
            return Endpoint(str(ipaddress.ip_address(value)), DNS_PORT)
        except ValueError:
            pass
        try:
            return parse_endpoint(value)
        except ValueError as error:
            self.fail(f"{value!r} is not an address with a port: {error}", param, ctx)


@click.command(
    short_help="Ask over DNS whether an address is listed.",
    cls=Verb,
    examples=(
        "dnsbl query 192.0.2.1",
        "dnsbl query 2001:db8::1 --tcp -o json",
        "dnsbl query 127.0.0.2 --server 192.0.2.53 --zone bl.example",
    ),
)
@click.argument("target", metavar="ADDRESS|NAME")
@click.option("--zone", metavar="ZONE",
              help="Ask this zone; with --server, anybody's.  [default: all of ours]")  # fmt: skip
@click.option("--server", type=EndpointType(), metavar="ADDRESS[:PORT]",
              help="Whom to ask.  [default: the first of dns.listen]")  # fmt: skip
@click.option("--tcp", is_flag=True, help="By TCP.  [default: UDP, TCP if truncated]")
@click.option("--timeout", "timeout_s", type=click.FloatRange(0.05, 60), default=TIMEOUT_S,
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
    """Ask over DNS whether an address is listed, as a mail server would.

    The exit code is 0 if any zone lists it, 1 if none does, 2 if that cannot
    be told: no answer, an error, an answer outside 127.0.0.0/8. A name has to
    lie in a zone, and is asked as it stands.
    """
    if zone is None or server is None:
        config = load(config_file)
        zones = _zones(config, zone)
        server = server or config.dns.listen[0]
    else:
        zones = [origin(zone)]
    server = nearby(server)
    asked = Server(server, tcp, timeout_s)
    replies = [ask(question, asked) for question in questions(target, zones)]
    _print(replies, server, output)
    if any(reply.listed for reply in replies):
        return
    faults = [f"{reply.zone}: {server}: {reply.fault}" for reply in replies if reply.fault]
    if faults:
        report.complain(faults[0])
        raise click.exceptions.Exit(EXIT_NO_ANSWER)
    report.complain(f"{target} is not listed")
    raise click.exceptions.Exit(EXIT_UNLISTED)


def _zones(config: Config, zone: str | None) -> list[str]:
    if zone is not None:
        return [chosen_zone(config, zone).origin]
    return [each.origin for each in config.zones]


def _print(replies: list[Reply], server: Endpoint, output: report.Output) -> None:
    if output == "json":
        listed = any(reply.listed for reply in replies)
        report.print_json(
            {
                "server": str(server),
                "listed": listed,
                "replies": [asdict(reply) for reply in replies],
            }
        )
        return
    for reply in replies:
        state = "no verdict" if reply.fault else "listed" if reply.listed else "not listed"
        ttl = "" if reply.ttl_s is None else f", TTL {reply.ttl_s} s"
        report.say(f"{reply.name}  {state}  ({reply.rcode or 'no rcode'}{ttl}, {reply.ms:.1f} ms)")
        for address in reply.answers:
            report.say(f"  A    {address}")
        for text in reply.texts:
            report.say(f"  TXT  {text}")
