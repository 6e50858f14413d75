"""A template is compiled once, whatever languages it is rendered in."""

from __future__ import annotations

from unittest.mock import Mock

import jinja2
import pytest
from portal import Portal


async def test_another_language_compiles_nothing(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the first visitor of all waits for it."""
    assert (await portal.fetch("/?lang=en")).status == 200
    monkeypatch.setattr(jinja2.Environment, "compile", Mock(side_effect=AssertionError))

    page = await portal.fetch("/?lang=de")

    assert page.status == 200
    assert page.headers["Content-Language"] == "de"
