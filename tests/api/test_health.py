"""For those who watch: health, readiness, numbers, and the headers of every answer."""

from __future__ import annotations

import json

import pytest
from portal import START, Portal

from dnsbl.store.database import DatabaseCorruptError

COUNTERS = {
    "replies": [
        {"transport": "udp", "zone": "bl.example", "qtype": "A", "rcode": "NXDOMAIN", "count": 12}
    ],
    "hits": [{"zone": "bl.example", "count": 4}],
    "listed": [{"zone": "bl.example", "category": "spam", "count": 5}],
    "worker_replies": [{"worker": 1, "count": 12}, {"worker": 2, "count": 0}],
    "dropped": [{"transport": "udp", "cause": "short", "count": 3}],
    "truncated": [],
    "tcp_connections": [{"event": "accepted", "count": 4}],
    "slipped": 2,
    "query_log": [{"result": "written", "count": 7}, {"result": "lost", "count": 0}],
    "failed": 1,
}
STATUS: dict[str, object] = {
    "format": 2,
    "state": "serving",
    "pid": 4711,
    "started_at": START - 100.5,
    "written_at": float(START),
    "loop": "uvloop",
    "database_readable": True,
    "applied_seq": 1234,
    "zones": {
        "bl.example": {
            "serial": 1234,
            "entries": 99,
            "keys": {
                "holders": [
                    {
                        "id": "0f3a9c27d1b4e865",
                        "holder": "acme",
                        "day": 20717,
                        "today": 3,
                        "queries": 12,
                        "over_quota": 1,
                    }
                ],
                "rejected": [{"cause": "unknown", "count": 6}],
            },
        },
        "free.example": {"serial": 1, "entries": 0},
    },
    "counters": COUNTERS,
}


async def test_a_running_portal_is_alive_and_ready(portal: Portal) -> None:
    """Both say so with 200."""
    assert (await portal.fetch("/healthz")).status == 200
    assert (await portal.fetch("/readyz")).status == 200


async def test_a_worker_that_has_ended_is_a_fault(portal: Portal) -> None:
    """Alive, but not ready: mail would stay where it is."""
    portal.sidecar.delivery.stop()
    while not portal.sidecar.faults():
        await portal.fetch("/healthz")

    page = await portal.fetch("/readyz")

    assert (page.status, page.text) == (503, "the worker delivery has ended\n")


async def test_a_database_that_is_away_is_a_fault(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages say 503 plainly, readyz why, and metrics go on with what can be known."""

    async def broken(*_: object) -> None:
        raise DatabaseCorruptError("listings.sqlite3: is damaged")

    monkeypatch.setattr(portal.sidecar.truth, "read", broken)

    ready = await portal.fetch("/readyz")
    page = await portal.fetch("/?ip=203.0.113.7")
    metrics = await portal.fetch("/metrics")

    assert (ready.status, "is damaged" in ready.text) == (503, True)
    assert (page.status, "damaged" in page.text) == (503, False)
    assert "Retry-After" in page.headers
    assert "dnsbl_database_up 0.0" in metrics.text


async def test_a_mistake_of_ours_is_a_page_without_details(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """500 in plain words; what went wrong is in the log, not on the page."""

    async def broken(*_: object) -> None:
        raise ZeroDivisionError("private detail")

    monkeypatch.setattr(portal.sidecar.truth, "read", broken)

    page = await portal.fetch("/?ip=203.0.113.7")

    assert page.status == 500
    assert "private detail" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


async def test_metrics_tell_requests_mails_and_states(portal: Portal) -> None:
    """By route and status, by result, by state; strangers' paths make no series."""
    await portal.add("203.0.113.7")
    link = await portal.link("203.0.113.7")
    await portal.fetch("/secret-guess")
    await portal.press(link)

    page = await portal.fetch("/metrics")

    assert page.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    for line in (
        'dnsbl_portal_requests_total{route="/",status="303"} 1.0',
        'dnsbl_portal_requests_total{route="other",status="404"} 1.0',
        'dnsbl_portal_requests_total{route="/confirm/{token}",status="200"} 2.0',
        'dnsbl_portal_mails_total{result="accepted"} 1.0',
        'dnsbl_delist_requests{state="delisted"} 1.0',
        'dnsbl_outbox_mails{state="sent"} 1.0',
        "dnsbl_database_up 1.0",
        "dnsbl_dns_up 0.0",
    ):
        assert f"{line}\n" in page.text
    assert "secret-guess" not in page.text
    assert link.rpartition("/")[2] not in page.text


async def test_metrics_tell_what_the_dns_process_says(portal: Portal) -> None:
    """Its counters, serials and sizes, from the file that it writes."""
    portal.house.config.data.dns_status.write_text(json.dumps(STATUS))

    text = (await portal.fetch("/metrics")).text

    for line in (
        "dnsbl_dns_up 1.0",
        "dnsbl_dns_start_time_seconds 1.7999998995e+09",
        (
            "dnsbl_dns_replies_total"
            '{qtype="A",rcode="NXDOMAIN",transport="udp",zone="bl.example"} 12.0'
        ),
        'dnsbl_dns_hits_total{zone="bl.example"} 4.0',
        'dnsbl_dns_listed_total{category="spam",zone="bl.example"} 5.0',
        "dnsbl_dns_slipped_total 2.0",
        'dnsbl_dns_query_log_total{result="written"} 7.0',
        'dnsbl_dns_worker_replies_total{worker="1"} 12.0',
        'dnsbl_dns_worker_replies_total{worker="2"} 0.0',
        'dnsbl_dns_dropped_total{cause="short",transport="udp"} 3.0',
        'dnsbl_dns_tcp_connections_total{event="accepted"} 4.0',
        "dnsbl_dns_failed_total 1.0",
        "dnsbl_dns_applied_seq 1234.0",
        'dnsbl_zone_serial{zone="bl.example"} 1234.0',
        'dnsbl_zone_entries{zone="bl.example"} 99.0',
        'dnsbl_key_queries_total{holder="acme",zone="bl.example"} 12.0',
        'dnsbl_key_over_quota_total{holder="acme",zone="bl.example"} 1.0',
        'dnsbl_key_rejected_total{cause="unknown",zone="bl.example"} 6.0',
    ):
        assert f"{line}\n" in text


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(STATUS | {"written_at": START - 16.0}),
        json.dumps(STATUS | {"state": "stopped"}),
        json.dumps(STATUS | {"zones": 7}),
        json.dumps(STATUS | {"counters": {"replies": [1]}}),
        json.dumps(STATUS | {"zones": {"bl.example": {"serial": 1, "entries": 0, "keys": [1]}}}),
        json.dumps(STATUS)[:100],
        "[]",
        "",
    ],
)
async def test_a_stale_or_odd_status_means_that_dns_is_not_up(portal: Portal, text: str) -> None:
    """Whatever stands in the file, metrics are served."""
    portal.house.config.data.dns_status.write_text(text)

    page = await portal.fetch("/metrics")

    assert page.status == 200
    assert "dnsbl_dns_up 0.0\n" in page.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/policy", 200),
        ("/nowhere", 404),
        ("/static/../app.py", 404),
        ("/static/", 404),
        (f"/confirm/{'x' * 43}", 404),
        (f"/status/{'x' * 43}", 404),
        ("/healthz", 200),
        ("/static/portal.css", 200),
    ],
)
async def test_every_answer_bears_the_security_headers(
    portal: Portal, path: str, status: int
) -> None:
    """No script, no frame, no sniffing, no cookie, no version; secrets in no Referer."""
    page = await portal.fetch(path)

    headers = page.headers
    assert page.status == status
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Server"] == "dnsbl"
    assert "Set-Cookie" not in headers
    secret = path.startswith(("/confirm/", "/status/"))
    assert headers["Referrer-Policy"] == ("no-referrer" if secret else "same-origin")
    cached = path == "/static/portal.css"
    assert headers["Cache-Control"] == ("public, max-age=86400" if cached else "no-store")


async def test_another_method_is_told_which_are_allowed(portal: Portal) -> None:
    """405 in the same look, with Allow."""
    page = await portal.fetch("/", method="DELETE")

    assert page.status == 405
    assert set(page.headers["Allow"].split(",")) == {"GET", "HEAD", "POST"}
    assert "<main" in page.text
