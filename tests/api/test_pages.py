"""The words around values: times, spans, contacts."""

from __future__ import annotations

import pytest

from api.pages import breakable, contact_link, moment, span


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "1 second"),
        (1, "1 second"),
        (60, "1 minute"),
        (90, "1 minute 30 seconds"),
        (300, "5 minutes"),
        (3600, "1 hour"),
        (3661, "1 hour 1 minute"),
        (7 * 86_400, "7 days"),
        (86_400 + 61, "1 day"),
    ],
)
def test_a_span_is_told_in_its_largest_units(seconds: int, words: str) -> None:
    """Two units at most, neighbours, none of them zero."""
    assert span(seconds) == words


def test_a_moment_is_told_to_people_and_programs() -> None:
    """In UTC, with a machine's form beside."""
    assert moment(1_800_000_000) == (
        '<time datetime="2027-01-15T08:00:00Z">15 January 2027, 08:00 UTC</time>'
    )


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("2001:db8::1", "2001:<wbr>db8:<wbr>:<wbr>1"),
        ("203.0.113.7", "203.0.113.7"),
        ("<b>: see https://a.example/", "&lt;b&gt;: see https://a.example/"),
    ],
)
def test_an_address_may_be_broken_after_its_colons(text: str, html: str) -> None:
    """And nothing else is; escaped."""
    assert breakable(text) == html


@pytest.mark.parametrize(
    ("contact", "html"),
    [
        ("abuse@a.example", '<a href="mailto:abuse@a.example">abuse@a.example</a>'),
        ("https://a.example/help", '<a href="https://a.example/help">https://a.example/help</a>'),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("<b>call us</b>", "&lt;b&gt;call us&lt;/b&gt;"),
    ],
)
def test_a_contact_is_a_link_where_it_can_be(contact: str, html: str) -> None:
    """A mailbox, a web address, or plain words; escaped."""
    assert contact_link(contact) == html
