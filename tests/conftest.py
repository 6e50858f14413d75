"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from house import ZONE_TEXT, House, free_port

from dnsbl.store.database import Database, open_writer


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A folder with dnsbl.toml and zones/bl.example.toml, on free ports."""
    house = House(tmp_path, free_port(), free_port())
    house.write_zone(ZONE_TEXT)
    house.write_config()
    return house


@pytest.fixture
def database(house: House) -> Iterator[Database]:
    """The house's database, open for writing."""
    database = open_writer(house.config.data.database)
    yield database
    database.close()
