"""The first page: what it tells of an address."""

from __future__ import annotations

import pytest
from portal import START, Portal

DAY_S = 86_400


async def test_a_form_has_the_promised_fields(portal: Portal) -> None:
    """`email` and `ip`, each once, and the button Submit; `?ip=` is filled in."""
    page = await portal.fetch("/?ip=203.0.113.7")

    form = page.form("Submit")
    assert page.text.count('name="ip"') == page.text.count('name="email"') == 1
    assert (form.fields["ip"], form.fields["email"]) == ("203.0.113.7", "")


async def test_a_listing_is_told_in_full(portal: Portal) -> None:
    """Zone, category, reason, what mail servers say, since when and until when."""
    await portal.add("203.0.113.7", reason="spam <trap> & more", expires_at=START + 30 * DAY_S)

    text = (await portal.fetch("/?ip=203.0.113.7")).text

    assert "Listed</span>" in text
    assert "bl.example" in text
    assert "spam &lt;trap&gt; &amp; more" in text
    assert "banned sending IP [203.0.113.7]" in text
    assert "14 January 2027, 08:00 UTC" in text
    assert "14 February 2027, 08:00 UTC" in text


async def test_each_policy_says_what_can_be_done(portal: Portal) -> None:
    """self: the form; review: an operator; never: why, and whom to write to."""
    await portal.add("203.0.113.1")
    await portal.add("203.0.113.2", "policy")
    await portal.add("203.0.113.3", "hijacked")

    own, review, never = [await portal.fetch(f"/?ip=203.0.113.{n}") for n in (1, 2, 3)]

    assert "removed yourself" in own.text
    assert "an operator decides" in review.text
    assert "not removed on request" in never.text
    assert "hostmaster@bl.example" in never.text
    assert own.has_button("Submit")
    assert review.has_button("Submit")
    assert not never.has_button("Submit")


async def test_an_expired_listing_is_none(portal: Portal) -> None:
    """At its time of expiry an address is not listed any more."""
    await portal.add("203.0.113.7", expires_at=START + 1)

    before = await portal.fetch("/?ip=203.0.113.7")
    portal.clock.at += 1
    after = await portal.fetch("/?ip=203.0.113.7")

    assert "Not listed" not in before.text
    assert "Not listed" in after.text


async def test_an_ipv6_address_in_a_listed_network_is_listed(portal: Portal) -> None:
    """The network is named; any spelling of the address finds it."""
    await portal.add("2001:db8::/32")

    text = (await portal.fetch("/?ip=2001:0DB8:0:0::1")).text

    assert "2001:db8::/32" in text
    assert 'value="2001:db8::1"' in text


async def test_test_entries_are_said_to_be_such(portal: Portal) -> None:
    """127.0.0.2, one address for each answer, and their IPv6 spelling are there for tests."""
    for address in ("127.0.0.2", "127.0.0.10", "::ffff:127.0.0.2"):
        assert "Test entry" in (await portal.fetch(f"/?ip={address}")).text
    assert "Not listed" in (await portal.fetch("/?ip=127.0.0.3")).text


@pytest.mark.parametrize(
    "ip", ["x", "%ff", "1.2.3.4/24", "%3Cscript%3E", "1" * 5000, "%00", "%0a1"]
)
async def test_a_bad_address_is_said_with_the_form_kept(portal: Portal, ip: str) -> None:
    """400, a sentence beside the field, nothing echoed unescaped."""
    page = await portal.fetch(f"/?ip={ip}")

    assert page.status == 400
    assert 'role="alert"' in page.text
    assert "<script" not in page.text
    assert page.has_button("Submit")


async def test_the_policy_page_tells_each_category(portal: Portal) -> None:
    """RFC 6471 §2.1: what is listed and how it is removed is public."""
    text = (await portal.fetch("/policy")).text

    for name in ("spam", "policy", "hijacked", "strict", "hostmaster@bl.example", "7 days"):
        assert name in text
