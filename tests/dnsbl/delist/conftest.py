"""What several tests of delistings begin with."""

from __future__ import annotations

import pytest
from house import House
from relisting import World

from dnsbl.store.database import Database


@pytest.fixture
def world(database: Database, house: House, request: pytest.FixtureRequest) -> World:
    """One with the shape that the test is given."""
    return World(database, house.config, *request.param)
