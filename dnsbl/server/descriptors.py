"""File descriptors: enough for the connections that are allowed, and for all else."""

from __future__ import annotations

import resource
from typing import Final

import structlog

from dnsbl.config import DnsConfig
from dnsbl.server.endpoint import TCP_BACKLOG

# The database and its log, `dns.json`, the query log, those who watch, the sidecar's pipes at each
# start.
RESERVED: Final = 64
PER_LOOP: Final = 8  # uvloop's take 5

_log = structlog.get_logger()


def connections_max(dns: DnsConfig, workers: int) -> int:
    """How many TCP connections may be served at once; raises the process's limit for them.

    Call it before anything is opened: the limit is raised for the workers'
    sockets and loops too.

    At most ``tcp_connections_max``, and fewer where the hard limit is lower:
    clients that hold the last descriptor would keep the database from being
    opened again, and the sidecar from being started.
    """
    sockets = (workers + 1) * len(dns.listen)  # UDP for each worker, and TCP
    reserved = RESERVED + PER_LOOP * workers + sockets
    needed = dns.tcp_connections_max + reserved
    # The loop accepts all that wait before it asks what becomes of the first: a burst has its own.
    wanted = needed + TCP_BACKLOG * len(dns.listen)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return dns.tcp_connections_max
    allowed = max(1, soft - reserved)
    _log.warning("tcp_connections_limited", configured=dns.tcp_connections_max, connections=allowed)
    return allowed
