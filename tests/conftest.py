"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from house import ZONE_TEXT, House, free_port
from hypothesis import settings

from dnsbl.store.database import Database, open_writer

# No deadlines: on a loaded machine an example may take any time. "short" is for builds that are
# slow in themselves (`make sanitize`), "long" for who has an hour.
settings.register_profile("house", deadline=None)
settings.register_profile("short", deadline=None, max_examples=20)
settings.register_profile("long", deadline=None, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest tests first; those without a mark stay in order, so that modules do.

    Workers that have done their share take the last of another's (`--dist worksteal`); a long
    test there would be begun when all others are done.
    """

    def seconds(item: pytest.Item) -> float:
        mark = item.get_closest_marker("long")
        return mark.args[0] if mark is not None else 0

    items.sort(key=seconds, reverse=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the figures that tests came to: how often something was tried, and how fast.

    And what did not go well at first, and was tried again.
    """
    for report in terminalreporter.getreports("passed"):
        name = report.nodeid.rpartition("/")[2]
        for key, value in report.user_properties:
            if key == "figures":
                terminalreporter.write_line(f"{name}: {value}")
        for line in report.caplog.splitlines():
            if line.startswith("WARNING  unsteady:"):
                terminalreporter.write_line(f"{name}: {line.split(maxsplit=2)[2]}")


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
