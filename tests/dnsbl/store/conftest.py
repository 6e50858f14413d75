"""What several tests of the store begin with."""

from __future__ import annotations

import pytest
from watching import add, read

from dnsbl.store.database import Database


@pytest.fixture
def watched(database: Database) -> Database:
    """The database, looked at once."""
    add(database, "203.0.113.1/32")
    read(database)
    return database
