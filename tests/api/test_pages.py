"""The words around values: times, contacts, addresses."""

from __future__ import annotations

import pytest

from api.language import language
from api.pages import breakable, contact_link, moment


def test_a_moment_is_told_to_people_and_programs() -> None:
    """In UTC, with a machine's form beside, whatever the language."""
    assert moment(language("it"), 1_800_000_000) == (
        '<time datetime="2027-01-15T08:00:00Z">venerdì 15 gennaio 2027, 08:00 UTC</time>'
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
