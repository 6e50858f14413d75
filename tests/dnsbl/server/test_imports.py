"""What the DNS process loads: each megabyte of a library is one less for the list."""

from __future__ import annotations

import sys
from contextlib import closing

import pytest
from house import House
from running import Running

from dnsbl.store.database import open_writer

# What other parts of the project need, and the DNS process would carry for nothing; and what one of
# its libraries loads wherever it happens to be installed.
UNNEEDED = (
    "sqlite_utils", "tabulate", "numpy", "rich.console", "aiohttp", "jinja2", "prometheus_client",
    "aiosmtplib", "email", "http", "xml", "csv", "html", "unittest", "multiprocessing", "dns",
    "cryptography", "hypothesis",
)  # fmt: skip


@pytest.fixture
def loaded(house: House) -> set[str]:
    """The packages and modules that `dnsbl dns` loads from its start to its end."""
    with closing(open_writer(house.config.data.database)):
        pass  # making one takes sqlite-utils
    running = Running(house.file, "dns", (sys.executable, "-X", "importtime", "-m", "dnsbl"))
    running.wait_for("ready")
    assert running.stop() == 0
    lines = [event["line"] for event in running.events if event["event"] == "not_json"]
    return {line.rpartition("|")[2].strip() for line in lines if "|" in line}


def test_the_dns_process_loads_nothing_that_it_does_not_need(loaded: set[str]) -> None:
    """Over its whole life, with a database that is there."""
    assert {"dnsbl", "sqlite3"} <= loaded  # they are told
    assert loaded & set(UNNEEDED) == set()
