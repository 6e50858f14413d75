"""The first page: what it tells of an address."""

from __future__ import annotations

import pytest
from house import ZONE_TEXT, House
from portal import START, Clock, Portal

from dnsbl.network import parse
from dnsbl.store import listings

DAY_S = 86_400


@pytest.mark.parametrize("is_listed", [True, False])
async def test_a_form_has_the_promised_fields(portal: Portal, *, is_listed: bool) -> None:
    """`email` and `ip`, and the button Submit; `?ip=` is filled in."""
    if is_listed:
        await portal.add("203.0.113.7")

    page = await portal.fetch("/?ip=203.0.113.7")

    fields = page.form("Submit").fields
    assert set(fields) == {"form_token", "email", "ip"}
    assert (fields["ip"], fields["email"]) == ("203.0.113.7", "")


async def test_a_listed_64_is_named_and_removed_whole(portal: Portal) -> None:
    """The visitor reads what is listed, and not that one address would be taken out of it."""
    await portal.add("2001:db8:1:2::/64")

    page = await portal.fetch("/?ip=2001:db8:1:2::7")

    assert "The network 2001:db8:1:2::/64, which holds this address." in page.text.replace(
        "<wbr>", ""
    )
    assert "A removal takes this one address out of it." not in page.text


async def test_an_address_is_looked_up_without_a_mailbox(portal: Portal) -> None:
    """A form with nothing but an address, on the first page and beside an answer, there empty."""
    await portal.add("203.0.113.7")

    first = (await portal.fetch("/")).form("Look up")
    found = await portal.fetch(f"{first.action}?address=203.0.113.7")
    other = (await portal.fetch("/?ip=203.0.113.8")).form("Look up")

    assert first.fields == other.fields == {"address": ""}
    assert "Listed</span>" in found.text
    assert not found.has_button("Look up")
    assert 'href="/">Look at another address' in found.text


@pytest.mark.parametrize("path", ["/", "/?ip=203.0.113.7", "/?ip=203.0.113.8"])
async def test_every_look_up_page_has_one_form_to_send(portal: Portal, path: str) -> None:
    """Listed or not: each of its fields stands once on the page, and in sight."""
    await portal.add("203.0.113.7")

    page = await portal.fetch(path)

    assert set(page.form("Submit").fields) == {"form_token", "email", "ip"}
    assert [page.text.count(f'name="{name}"') for name in ("email", "ip")] == [1, 1]
    assert "<details" not in page.text.partition("<main")[2]


async def test_a_change_is_told_and_an_addition_is_not(portal: Portal) -> None:
    """When a listing was updated since it was listed, and nothing of an earlier one's life."""
    told: list[bool] = []
    for reason in ("spam trap", "another trap", "", "spam trap"):
        if reason:
            await portal.add("203.0.113.7", reason=reason)
        else:
            network = parse("203.0.113.7")
            await portal.sidecar.truth.write(listings.remove, "bl.example", network, "spam")
        told.append("Last updated" in (await portal.fetch("/?ip=203.0.113.7")).text)

    assert told == [False, True, False, False]


async def test_each_zone_has_its_own_contact_and_no_zone_the_brand(
    house: House, clock: Clock
) -> None:
    """Several zones: whom to write to goes with the listing; the top of the page is neutral."""
    for name in ("a", "b"):
        house.write_zone(
            ZONE_TEXT.replace("bl.example", f"{name}.example").replace('"self"', '"never"'),
            f"{name}.example",
        )
    async with Portal(house, clock) as portal:
        for name in ("a", "b"):
            await portal.add(f"203.0.113.{ord(name)}", zone=f"{name}.example")
        pages = [await portal.fetch(f"/?ip=203.0.113.{ord(name)}") for name in ("a", "b")]
        policy = await portal.fetch("/policy")

    for name, other, page in (("a", "b", pages[0]), ("b", "a", pages[1])):
        assert f"hostmaster@{name}.example" in page.text
        assert f"hostmaster@{other}.example" not in page.text
        assert "<span>Blocklist removal</span></a>" in page.text
    for name in ("a", "b", "bl"):
        assert f"hostmaster@{name}.example" in policy.text


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
    assert "is not an IP address; write one such as 192.0.2.1 or 2001:db8::1" in page.text
    assert 'role="alert"' in page.text
    assert "<script" not in page.text
    assert page.has_button("Submit")


async def test_the_policy_page_tells_each_category(portal: Portal) -> None:
    """RFC 6471 §2.1: what is listed and how it is removed is public."""
    text = (await portal.fetch("/policy")).text

    for name in ("spam", "policy", "hijacked", "strict", "hostmaster@bl.example", "7 days"):
        assert name in text
