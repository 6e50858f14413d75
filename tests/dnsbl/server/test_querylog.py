"""The query log: whole lines, of what is asked for, whatever becomes of the file."""

from __future__ import annotations

import itertools
import json
import os
import resource
import signal
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from dnsbl.config import QueryLogConfig
from dnsbl.config.dns import QueryLogOnly
from dnsbl.network import parse
from dnsbl.server.observation import Observation
from dnsbl.server.observe import Rates
from dnsbl.server.querylog import QueryLog

LISTED = Observation(
    at=1_800_000_000.1234,
    weight=1,
    client=parse("198.51.100.53"),
    transport="udp",
    worker=1,
    name="7.2.0.192.bl.example",
    qtype="A",
    subject="192.0.2.7",
    zone="bl.example",
    listed=("spam", "policy"),
    rcode="NOERROR",
    octets=132,
)
NO_DATA = replace(LISTED, qtype="MX", listed=())
UNLISTED = replace(NO_DATA, rcode="NXDOMAIN")
SILENT = replace(NO_DATA, rcode=None, octets=0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log is to be."""
    return tmp_path / "queries.log"


def lines(path: Path) -> list[dict[str, Any]]:
    """The lines, parsed."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_has_the_fields_that_are_described(path: Path) -> None:
    """As the description of `dnsbl.server.querylog` has them, and docs/operation.md."""
    log = QueryLog(path, QueryLogConfig())

    log.take([LISTED, SILENT])

    assert lines(path)[0] == {
        "at": 1_800_000_000.123,
        "client": "198.51.100.53",
        "transport": "udp",
        "worker": 1,
        "name": "7.2.0.192.bl.example",
        "type": "A",
        "zone": "bl.example",
        "listed": ["spam", "policy"],
        "rcode": "NOERROR",
        "octets": 132,
        "sample": 1,
    }
    assert (lines(path)[1]["rcode"], lines(path)[1]["octets"]) == (None, 0)
    assert log.counts() == {"written": 2, "lost": 0}
    log.close()


@pytest.mark.parametrize(
    ("only", "rates", "kept"),
    [
        ("all", Rates(1, 1), [LISTED, NO_DATA, UNLISTED, SILENT]),
        ("listed", Rates(1, 0), [LISTED]),
        ("answered", Rates(1, 1), [LISTED, NO_DATA, SILENT]),
    ],
)
def test_only_what_is_asked_for_is_written(
    path: Path,
    only: QueryLogOnly,
    rates: Rates,
    kept: list[Observation],
) -> None:
    """`only`: everything, answers that list, or all but NXDOMAIN."""
    log = QueryLog(path, QueryLogConfig(only=only))

    log.take([LISTED, NO_DATA, UNLISTED, SILENT])
    log.close()

    assert log.rates == rates
    assert [(line["type"], line["rcode"]) for line in lines(path)] == [
        (each.qtype, each.rcode) for each in kept
    ]


@pytest.mark.parametrize(
    ("client", "shown"),
    [("198.51.100.53", "198.51.96.0/20"), ("2001:db8:1:2::3", "2001:db8:1::/48")],
)
def test_clients_are_cut_on_request(path: Path, client: str, shown: str) -> None:
    """To a network of so many bits."""
    config = QueryLogConfig(client_prefix_ipv4=20, client_prefix_ipv6=48)
    log = QueryLog(path, config)

    log.take([replace(LISTED, client=parse(client))])
    log.close()

    assert [line["client"] for line in lines(path)] == [shown]


@pytest.mark.parametrize(("weight", "written"), [(1, 10), (4, 40), (10, 100), (64, 100)])
def test_a_sample_is_one_of_so_many(path: Path, weight: int, written: int) -> None:
    """Of 100 queries that stand for `weight` each, as somebody else wants more of them."""
    log = QueryLog(path, QueryLogConfig(sample=10), chance=chances())

    log.take([replace(LISTED, weight=weight)] * 100)
    log.close()

    assert log.rates == Rates(10, 10)
    assert [line["sample"] for line in lines(path)] == [max(10, weight)] * written


def chances() -> Any:  # noqa: ANN401  # a callable
    """Chance that is fair: each tenth comes once."""
    return itertools.cycle(tenth / 10 for tenth in range(10)).__next__


def test_the_file_is_readable_by_its_group(path: Path) -> None:
    """Mode 0640 whatever the umask; that of a file that is there stays."""
    before = os.umask(0o077)
    try:
        first = QueryLog(path, QueryLogConfig())
        first.take([LISTED])
        first.close()
    finally:
        os.umask(before)
    made = stat.S_IMODE(path.stat().st_mode)
    path.chmod(0o604)
    second = QueryLog(path, QueryLogConfig())
    second.take([LISTED])
    second.close()

    assert (made, stat.S_IMODE(path.stat().st_mode)) == (0o640, 0o604)
    assert len(lines(path)) == 2


@pytest.mark.parametrize("another", [False, True])
def test_a_rotation_needs_no_signal(path: Path, another: bool) -> None:  # noqa: FBT001  # a parameter
    """Once the file was renamed, lines go to a new one, also where that was made already."""
    log = QueryLog(path, QueryLogConfig())
    log.take([LISTED])
    old = path.rename(path.with_suffix(".1"))
    if another:
        path.touch()

    log.take([UNLISTED])
    log.close()

    assert [line["rcode"] for line in lines(old)] == ["NOERROR"]
    assert [line["rcode"] for line in lines(path)] == ["NXDOMAIN"]


def test_a_file_that_cannot_be_written_is_reported_once(path: Path) -> None:
    """A folder is missing: lines are lost and counted; once it is there, they are written."""
    log = QueryLog(path / "below" / "log", QueryLogConfig())

    with structlog.testing.capture_logs() as logs:
        log.take([LISTED, LISTED])
        log.take([LISTED])
        (path / "below").mkdir(parents=True)
        log.take([LISTED])
    log.lost(5)
    log.close()

    assert [line["event"] for line in logs] == ["query_log_unwritable"]
    assert log.counts() == {"written": 1, "lost": 8}


@pytest.fixture
def _small_files() -> Iterator[None]:
    """No file may become longer than 1000 octets, as on a disk that is full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.usefixtures("_small_files")
def test_a_full_disk_costs_whole_lines(path: Path) -> None:
    """No line is torn; what fits is written, the rest counted, and one event says why."""
    log = QueryLog(path, QueryLogConfig())

    with structlog.testing.capture_logs() as logs:
        log.take([LISTED] * 10)
        log.take([LISTED])
        full = lines(path)
        os.truncate(path, 0)
        log.take([UNLISTED])
    log.close()

    assert [line["event"] for line in logs] == ["query_log_unwritable"]
    assert {line["rcode"] for line in full} == {"NOERROR"}
    assert 0 < len(full) < 10
    assert [line["rcode"] for line in lines(path)] == ["NXDOMAIN"]
    assert log.counts() == {"written": len(full) + 1, "lost": 11 - len(full)}


def test_a_pipe_that_nobody_reads_is_an_error(path: Path) -> None:
    """And keeps no thread waiting."""
    os.mkfifo(path)
    log = QueryLog(path, QueryLogConfig())

    with structlog.testing.capture_logs() as logs:
        log.take([LISTED])

    assert [line["event"] for line in logs] == ["query_log_unwritable"]
    assert log.counts() == {"written": 0, "lost": 1}
