"""What a command loads: whoever lists an address by a script waits for every import."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing

import pytest
from house import House

from dnsbl.store.database import open_writer

UNNEEDED = {"sqlite_utils", "asyncio", "structlog", "dns", "aiohttp", "jinja2"}


@pytest.mark.parametrize("verb", [("add", "192.0.2.1"), ("remove", "192.0.2.1"), ("list",)])
def test_a_command_loads_what_it_needs(house: House, verb: tuple[str, ...]) -> None:
    """Where there is a database of this version; to make one takes sqlite-utils."""
    with closing(open_writer(house.config.data.database)):
        pass

    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "dnsbl", *verb, "--config", str(house.file)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert {"dnsbl.cli", "sqlite3"} <= loaded, done  # they are told
    assert loaded & UNNEEDED == set()
