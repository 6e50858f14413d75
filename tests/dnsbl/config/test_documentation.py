"""docs/configuration.md is true: its keys, types, bounds, units and defaults are the code's."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from house import House

from dnsbl.config import ConfigError, load
from dnsbl.config.toml import Table

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"
REQUIRED = "required"
NO_UNIT = "\N{EN DASH}"


class Row(NamedTuple):
    """A line of a table of the page."""

    key: str
    type: str
    unit: str
    default: str
    meaning: str


def documented(page: str | None = None) -> dict[str, Row]:
    """The keys that the page, or a part of it, explains."""
    lines = [
        Row(*(cell.strip() for cell in line.strip("| ").split(" | ")))
        for line in (page or PAGE.read_text()).splitlines()
        if line.startswith("| `")
    ]
    rows = {row.key.strip("`"): row for row in lines}
    assert len(rows) == len(lines), "a key is explained once"
    return rows


class Asked(NamedTuple):
    """How the code asked a table for a key."""

    kind: str
    arguments: tuple[object, ...]


@pytest.fixture
def asked(house: House, monkeypatch: pytest.MonkeyPatch) -> dict[str, Asked]:
    """Every key that reading a configuration asks for, with the way of asking."""
    found: dict[str, Asked] = {}

    def watch(kind: str) -> None:
        original: Callable[..., object] = getattr(Table, kind)

        def watched(self: Table, key: str, *args: object, **kwargs: object) -> object:
            name = self.key_name(key).replace("category.spam", "category.NAME")
            name = name.replace("hooks.asked", "hooks.NAME")
            found.setdefault(name, Asked(kind, args))  # `parsed` asks `text` in turn
            return original(self, key, *args, **kwargs)

        monkeypatch.setattr(Table, kind, watched)

    for kind in ("text", "choice", "flag", "whole", "texts", "parsed", "parsed_each", "table"):
        watch(kind)
    house.write_config('[hooks.asked]\non = "decide"\nprogram = ["asked"]')
    load(house.file)
    return {key: value for key, value in found.items() if value.kind != "table"}


def test_every_key_is_documented_and_no_other(asked: dict[str, Asked]) -> None:
    """Whatever the code asks the files for is on the page, and nothing else is."""
    assert set(documented()) == set(asked)


def test_bounds_and_units_are_true(asked: dict[str, Asked]) -> None:
    """A whole number's line gives its least, its most and its unit."""
    rows = documented()
    whole = {key: value.arguments for key, value in asked.items() if value.kind == "whole"}

    assert {key: (rows[key].type, rows[key].unit) for key in whole} == {
        key: (f"{least} to {most}", unit or NO_UNIT)
        for key, (_, unit, least, most) in whole.items()
    }


def test_choices_are_true(asked: dict[str, Asked]) -> None:
    """The line of a choice gives its words."""
    rows = documented()
    choices = {key: value.arguments[1] for key, value in asked.items() if value.kind == "choice"}

    assert {key: tuple(re.findall(r'"(\w+)"', rows[key].type)) for key in choices} == choices


def test_types_are_true(asked: dict[str, Asked]) -> None:
    """Texts, lists of texts, and what is true or false, are called that."""
    names = {"text": "text", "parsed": "text", "texts": "list of texts", "flag": "`true`, `false`"}
    names["parsed_each"] = names["texts"]
    rows = documented()

    wrong = [
        key for key, (kind, _) in asked.items() if kind in names and rows[key].type != names[kind]
    ]

    assert wrong == []


def test_required_keys_are_required(asked: dict[str, Asked]) -> None:
    """What is called required has no default, and the other way round."""
    called = {key for key, row in documented().items() if row.default == REQUIRED}
    defaulted = {
        key
        for key, (kind, arguments) in asked.items()
        if (arguments and arguments[0] is not None and kind != "text")
        or (kind == "text" and arguments)
        or kind == "flag"
    }  # fmt: skip

    assert called == set(asked) - defaulted


def test_defaults_are_true(house: House) -> None:
    """A configuration with every documented default written out is the one without them."""
    house.file.write_text("")
    house.write_zone(
        'origin = "bl.example"\nnameservers = ["ns1.bl.example"]\nhostmaster = "a@bl.example"\n'
        '[category.spam]\nanswer = "127.0.0.2"\ntext = "$"\n'
    )
    empty = house.config
    of_zones = set(documented(PAGE.read_text().partition("## zones/ORIGIN.toml")[2]))
    written = {key: row.default.strip("`") for key, row in documented().items()
               if re.fullmatch(r"`[^`]+`", row.default)
               and not key.startswith("hooks.")}  # fmt: skip
    assert len(written) > 25

    house.file.write_text(
        "".join(f"{key} = {text}\n" for key, text in written.items()
                if key not in of_zones)
        + f'portal.public_url = "http://{empty.portal.listen}"\n'
        + 'mail.sender = "delist@bl.example"\n'
    )  # fmt: skip
    zone_file = house.folder / "zones" / "bl.example.toml"
    parts = zone_file.read_text().partition("[category.spam]")
    zone_file.write_text(
        "".join(f"{key} = {text}\n" for key, text in written.items()
                if key in of_zones and not key.startswith("category."))
        + "".join(parts)
        + "".join(f"{key.rpartition('.')[2]} = {text}\n" for key, text in written.items()
                  if key.startswith("category."))
    )  # fmt: skip

    assert tomllib.loads(house.file.read_text())["portal"]["limits"]["client_per_hour"]
    assert house.config == empty


def test_the_errors_shown_are_those_given(house: House) -> None:
    """The page's two examples of an error are what is said, but for the folder."""
    examples = re.findall(r"^/etc/dnsbl/(.*)$", PAGE.read_text(), re.MULTILINE)
    zone = (house.folder / "zones" / "bl.example.toml").read_text()
    said = []
    for zone_text, more in (
        (zone.replace("ttl_s = 300", 'ttl_s = "5m"', 1), ""),
        (zone, "[portl]"),
    ):
        house.write_zone(zone_text)
        house.write_config(more)
        with pytest.raises(ConfigError, match=r"expected|known") as refused:
            load(house.file)
        said.append(str(refused.value).removeprefix(f"{house.folder}/"))

    assert examples == said
