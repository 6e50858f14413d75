"""What the page says of the list after a press, with the whole product behind it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from house import ZONE_TEXT, House
from mailserver import link_in_file
from running import Running, run_dnsbl
from visitor import press, request

Serve = Callable[..., Running]

ADDRESS = "203.0.113.7"
ASKED = "We asked the list itself"
CLOSED = "bl.example answers only those whom its operator lets ask, and not this page."


def pressed(house: House) -> str:
    """The page after Delist IP, as one line."""
    assert run_dnsbl(house.file, "add", ADDRESS).returncode == 0
    assert request(house.portal_url, ADDRESS, "postmaster@sender.example").status == 303
    page = press(link_in_file(house.config.data.outbox))
    assert "Delisted" in page.text
    return " ".join(page.text.split())


def test_an_open_list_is_asked(house: House, serve: Serve) -> None:
    """What it answers over DNS is what the page says."""
    house.write_zone(ZONE_TEXT)
    serve(house.file, "serve").wait_for("ready")

    page = pressed(house)

    assert f"{ASKED}, bl.example, over DNS: <b>no longer listed" in page
    assert CLOSED not in page


@pytest.mark.parametrize(
    "table",
    [
        '[keys]\nmode = "required"\n',
        '[keys]\nmode = "required"\nunknown = "empty"\n',
        '[access]\nrefuse = ["127.0.0.0/8"]\n',
        '[access]\nempty = ["127.0.0.0/8"]\n',
        '[access]\ndefault = "ignore"\npass = ["198.51.100.0/24"]\n',
    ],
)
def test_a_list_that_does_not_answer_us_is_not_said_to_have_been_asked(
    house: House, serve: Serve, table: str
) -> None:
    """Neither its refusal nor its empty answer proves anything; that it has the change does."""
    house.write_zone(ZONE_TEXT.replace("[category", f"{table}[category", 1))
    serve(house.file, "serve").wait_for("ready")

    page = pressed(house)

    assert ASKED not in page
    assert f"{CLOSED} Its server has taken the removal in" in page


def test_a_server_that_is_down_is_said_to_be_silent(house: House, serve: Serve) -> None:
    """Asked, and no answer: the removal is saved, and no more is claimed."""
    house.write_zone(ZONE_TEXT)
    serve(house.file, "portal").wait_for("ready")

    page = pressed(house)

    assert f"{ASKED}, bl.example, over DNS, and it could not answer just now." in page


def test_of_a_closed_list_whose_server_is_down_nothing_is_claimed(
    house: House, serve: Serve
) -> None:
    """Neither asked, nor told by its process: the removal is saved."""
    house.write_zone(ZONE_TEXT.replace("[category", '[keys]\nmode = "required"\n[category', 1))
    serve(house.file, "portal").wait_for("ready")

    page = pressed(house)

    assert ASKED not in page
    assert f"{CLOSED} The removal is saved; its server takes it in at once while it runs" in page
