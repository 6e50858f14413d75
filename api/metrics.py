"""What Prometheus reads: this process's counters, the database's depths, the DNS process's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from api.dns_status import Count, DnsStatus
from dnsbl.store import deliveries, outbox, requests
from dnsbl.store.database import Database
from dnsbl.store.deliveries import DeliveryState
from dnsbl.store.request_states import State

# Each counter's time of creation as a series of its own: noise for what is scraped here.
disable_created_metrics()  # type: ignore[no-untyped-call]

_ROUTE_OTHER: Final = "other"  # whatever strangers ask for is one label

# The DNS process's counters that are shown, with their labels.
_DNS_COUNTERS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "replies": ("DNS replies sent", ("transport", "zone", "qtype", "rcode")),
    "hits": ("DNS replies that say listed", ("zone",)),
    "listed": ("DNS replies that say listed, by category", ("zone", "category")),
    "worker_replies": ("DNS replies by the thread that made them", ("worker",)),
    "dropped": ("DNS messages that got no reply", ("transport", "cause")),
    "truncated": ("DNS replies cut to the client's size", ("transport",)),
    "tcp_connections": ("What became of TCP connections", ("event",)),
    "access": ("Questions of clients that an access list keeps out", ("zone", "action")),
    "rate_limited": ("DNS replies over the rate limit", ("kind", "verdict")),
    "slipped": ("DNS replies over the rate limit that left empty, with TC", ()),
    "query_log": ("Lines of the query log", ("result",)),
    "failed": ("DNS answers that broke and became SERVFAIL", ()),
}
_KEY_COUNTERS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "key_queries": ("What was asked with a holder's key", ("zone", "holder")),
    "key_over_quota": ("What was asked beyond a key's quota", ("zone", "holder")),
    "key_rejected": ("Questions without a good key", ("zone", "cause")),
}


@dataclass(frozen=True, slots=True)
class Depths:
    """What the database holds just now."""

    requests: Mapping[State, int]
    mails: Mapping[str, int]
    hook_deliveries: Mapping[tuple[str, DeliveryState], int]


def depths(database: Database, now: int) -> Depths:
    """Counts requests, mails and what hooks are to be told, by their state."""
    return Depths(
        requests.in_states(database), outbox.depths(database, now), deliveries.depths(database)
    )


class Metrics:
    """The counters of this process, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "dnsbl_portal_requests",
            "HTTP requests answered, by route and status",
            ("route", "status"),
            registry=self._registry,
        )
        self.mails = Counter(
            "dnsbl_portal_mails",
            "Attempts to send a mail, by result",
            ("result",),
            registry=self._registry,
        )
        self.hook_attempts = Counter(
            "dnsbl_hook_attempts",
            "Messages sent to hooks, by outcome",
            ("hook", "outcome"),
            registry=self._registry,
        )
        self.hook_decisions = Counter(
            "dnsbl_hook_decisions",
            "Decisions of hooks, by outcome",
            ("hook", "outcome"),
            registry=self._registry,
        )
        self.hook_seconds = Histogram(
            "dnsbl_hook_decision_seconds",
            "Time that hooks took to decide",
            ("hook",),
            buckets=(0.01, 0.05, 0.2, 0.5, 1, 2, 5, 10),
            registry=self._registry,
        )
        self.connections = Counter(
            "dnsbl_portal_connections",
            "HTTP connections: opened, refused, displaced by a newer one, too late",
            ("event",),
            registry=self._registry,
        )
        self.open_connections = Gauge(
            "dnsbl_portal_open_connections", "HTTP connections open now", registry=self._registry
        )
        for event in ("opened", "refused", "displaced", "late"):
            self.connections.labels(event)
        for result in ("accepted", "deferred", "refused", "suppressed", "cancelled"):
            self.mails.labels(result)  # present from the start, so that a rate can be told

    def answered(self, request: web.Request, status: int) -> None:
        """A request was answered."""
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else _ROUTE_OTHER
        self.requests.labels(route, str(status)).inc()

    def render(self, held: Depths | None, dns: DnsStatus) -> bytes:
        """Everything in Prometheus's text format; without depths where the database is away."""
        return generate_latest(self._registry) + generate_latest(_registry_of(held, dns))


class _Snapshot(Collector):
    """The values of one moment."""

    def __init__(self, held: Depths | None, dns: DnsStatus) -> None:
        self._held = held
        self._dns = dns

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "dnsbl_database_up",
            "1 while the portal can read the database",
            value=0.0 if self._held is None else 1.0,
        )
        if self._held is not None:
            yield _gauges(
                "dnsbl_delist_requests",
                "Delist requests held, by state",
                "state",
                {str(state): count for state, count in self._held.requests.items()},
            )
            yield _gauges("dnsbl_outbox_mails", "Mails held, by state", "state", self._held.mails)
            yield _deliveries(self._held.hook_deliveries)
        dns = self._dns
        yield GaugeMetricFamily(
            "dnsbl_dns_up", "1 while the DNS process says that it serves", value=float(dns.up)
        )
        if dns.up:
            yield from self._dns_metrics()

    def _dns_metrics(self) -> Iterator[Metric]:
        dns = self._dns
        yield GaugeMetricFamily(
            "dnsbl_dns_start_time_seconds", "When the DNS process started", value=dns.started_at
        )
        yield GaugeMetricFamily(
            "dnsbl_dns_database_readable",
            "0 while the DNS process answers from memory alone",
            value=float(dns.database_readable),
        )
        yield GaugeMetricFamily(
            "dnsbl_dns_applied_seq",
            "The journal number that DNS answers are by",
            value=float(dns.applied_seq),
        )
        yield _gauges("dnsbl_zone_serial", "Serial of a zone", "zone", dns.serials)
        yield _gauges("dnsbl_zone_entries", "Listings and exclusions served", "zone", dns.entries)
        for prefix, counters in (("dnsbl_dns_", _DNS_COUNTERS), ("dnsbl_", _KEY_COUNTERS)):
            for name, (text, labels) in counters.items():
                yield _counts(f"{prefix}{name}", text, labels, dns.counters.get(name, ()))


def _registry_of(held: Depths | None, dns: DnsStatus) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Snapshot(held, dns))
    return registry


def _gauges(name: str, text: str, label: str, values: Mapping[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family


def _deliveries(depths: Mapping[tuple[str, DeliveryState], int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "dnsbl_hook_deliveries", "What hooks are to be told, by state", labels=["hook", "state"]
    )
    for labels, count in depths.items():
        family.add_metric(labels, count)
    return family


def _counts(
    name: str, text: str, labels: tuple[str, ...], counts: Iterable[Count]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    for count in counts:
        family.add_metric([count.labels.get(label, "") for label in labels], count.value)
    return family
