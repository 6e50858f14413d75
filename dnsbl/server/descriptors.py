"""File descriptors: enough for the connections that are allowed, and for all else."""

from __future__ import annotations

import resource
from typing import Final

import structlog

from dnsbl.config import DnsConfig

# The database and its log, `dns.json`, the event loop's own, the sidecar's pipes at each start.
RESERVED: Final = 64
_SOCKETS_PER_ENDPOINT: Final = 2  # UDP and TCP

_log = structlog.get_logger()


def connections_max(dns: DnsConfig) -> int:
    """How many TCP connections may be served at once; raises the process's limit for them.

    At most ``tcp_connections_max``, and fewer where the hard limit is lower:
    clients that hold the last descriptor would keep the database from being
    opened again, and the sidecar from being started.
    """
    reserved = RESERVED + _SOCKETS_PER_ENDPOINT * len(dns.listen)
    wanted = dns.tcp_connections_max + reserved
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return dns.tcp_connections_max
    allowed = max(1, soft - reserved)
    _log.warning("tcp_connections_limited", configured=dns.tcp_connections_max, connections=allowed)
    return allowed
