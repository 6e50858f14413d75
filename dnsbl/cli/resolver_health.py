"""What `check` finds about the name servers of [resolver]: whether each looks things up for us."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import dns.exception
import dns.flags
import dns.name
import dns.rcode
import dns.rdatatype

from dnsbl.cli.finding import Finding
from dnsbl.cli.question import Server
from dnsbl.config import ResolverConfig

TIMEOUT_S: Final = 2.0


def findings(resolver: ResolverConfig, timeout_s: float = TIMEOUT_S) -> Iterator[Finding]:
    """A finding for each server, asked all at once for the SOA of the root.

    One that fails is a warning while another answers, and an error if none does.
    """
    if not resolver.servers:
        return
    servers = [Server(endpoint, timeout_s=timeout_s) for endpoint in resolver.servers]
    with ThreadPoolExecutor(len(servers)) as threads:
        faults = list(threads.map(fault_of, servers))
    for endpoint, fault in zip(resolver.servers, faults, strict=True):
        subject = f"resolver {endpoint}"
        if fault is None:
            yield Finding(subject, "ok", "answers")
        else:
            yield Finding(subject, "warning" if None in faults else "error", fault)


def fault_of(server: Server) -> str | None:
    """Why the server cannot be used as a resolver; None if it can."""
    try:
        answer = server.exchange(dns.name.root, dns.rdatatype.SOA)
    except dns.exception.Timeout:
        return f"no answer within {server.timeout_s:g} s"
    except dns.exception.DNSException as error:
        return f"the answer makes no sense: {error}"
    except OSError as error:
        return f"cannot be reached: {error.strerror or error}"
    if answer.rcode() != dns.rcode.NOERROR:
        return f"answers {dns.rcode.to_text(answer.rcode())} when asked for the SOA of the root"
    if not answer.flags & dns.flags.RA:  # RFC 1035 §4.1.1
        return "looks nothing up for us: it offers no recursion; does it allow this machine?"
    return None
