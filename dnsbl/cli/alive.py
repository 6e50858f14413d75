"""Whether what a command runs is alive: DNS answers, whatever it answers, and so does the portal.

For containers and watchdogs. Nobody is asked for what a zone lists, so it holds
for every zone: of names, of good reputation, with keys, behind an access list.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Final, Literal, get_args

import dns.exception
import dns.name
import dns.rcode
import dns.rdatatype

from dnsbl.cli.finding import Finding
from dnsbl.cli.ports import denial, own_address, portal_finding
from dnsbl.cli.question import Server, nearby
from dnsbl.config import Config

Command = Literal["serve", "dns", "portal"]
COMMANDS: Final[tuple[Command, ...]] = get_args(Command)

TIMEOUT_S: Final = 1.0
# As `dnsbl.server.status` has it: it is written every 5 s at least.
STATUS_FRESH_S: Final = 15.0


def findings(config: Config, command: Command) -> Iterator[Finding]:
    """A finding for each of the processes that the command runs."""
    if command != "portal":
        yield _dns(config)
    if command != "dns":
        yield portal_finding(nearby(config.portal.listen))


def _dns(config: Config) -> Finding:
    """Any answer to a question for the first zone's SOA will do.

    Over TCP too, since over UDP a rate limit may have its say. Where an access list
    ignores our questions, the server's own status file has to be fresh.
    """
    endpoint = nearby(config.dns.listen[0])
    subject = f"dns {endpoint}"
    zone = config.zones[0]
    fault = ""
    for tcp in (False, True):
        try:
            answer = Server(endpoint, tcp, TIMEOUT_S).exchange(
                dns.name.from_text(zone.origin), dns.rdatatype.SOA
            )
        except (OSError, EOFError, dns.exception.DNSException) as error:
            fault = str(error)
        else:
            return Finding(subject, "ok", f"answers ({dns.rcode.to_text(answer.rcode())})")
    client = own_address(endpoint)
    action, where = denial(config, zone, client)
    if action == "ignore" and _says_that_it_serves(config):
        return Finding(subject, "ok", f"serves, and ignores {client.text} by {where}")
    return Finding(subject, "error", f"does not answer: {fault}")


def _says_that_it_serves(config: Config) -> bool:
    try:
        document = json.loads(config.data.dns_status.read_bytes())
        age_s = time.time() - float(document["written_at"])
        return document["state"] == "serving" and age_s <= STATUS_FRESH_S
    except (OSError, ValueError, KeyError, TypeError):
        return False
