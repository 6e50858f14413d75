"""Forms from elsewhere, forms sent again, and claims about who asks and whom they asked."""

from __future__ import annotations

import re

import pytest
from house import House
from portal import LISTED, SENDER, Clock, Portal

from dnsbl.store import requests
from dnsbl.store.request_states import State

FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},  # another name of the operator's domain is another site to us
    {"Sec-Fetch-Site": "Same-Origin"},
    {"Sec-Fetch-Site": ""},
    {"Sec-Fetch-Site": "cross-site", "Origin": "OURS"},
    {"Origin": "http://evil.example"},
    {"Origin": "https://bl.example.evil.example"},
    {"Origin": "OURS.evil.example"},
    {"Origin": "http://user@evil.example"},
    {"Origin": "OURS@evil.example"},
    {"Origin": "file://"},
    {"Origin": "data:text/html,x"},
    {"Origin": "chrome-extension://abc"},
    {"Origin": ""},
    {"Origin": "//"},
    {"Origin": "http://"},
    {"Origin": "http://["},
    {"Origin": "OURS, http://evil.example"},
]
FORGED_HOSTS = [
    {"Host": "evil.example"},
    {"Host": "evil.example:8053"},
    {"Host": "127.0.0.1@evil.example"},
    {"Host": "evil.example/path?x=\"'><script>"},
    {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"},
    {"Forwarded": "host=evil.example;proto=https"},
    {"X-Original-URL": "/metrics", "X-Rewrite-URL": "/metrics"},
    {"X-HTTP-Method-Override": "DELETE"},
]


async def held(portal: Portal) -> int:
    """How many requests there are."""
    return sum((await portal.sidecar.truth.read(requests.in_states)).values())


@pytest.mark.parametrize("headers", FOREIGN)
async def test_no_form_of_another_site_is_taken(portal: Portal, headers: dict[str, str]) -> None:
    """Neither asks for a removal, nor presses a button, though it brings a good form token."""
    sent = {name: value.replace("OURS", portal.house.portal_url) for name, value in headers.items()}
    await portal.add(LISTED)
    link = await portal.link(LISTED)
    await portal.add("203.0.113.8")
    asking = (await portal.fetch("/")).form("Submit").fields
    pressing = (await portal.fetch(link)).form("Delist IP")

    asked = await portal.fetch(
        "/", asking | {"ip": "203.0.113.8", "email": "me@other.example"}, headers=sent
    )
    pressed = await portal.fetch(
        link, pressing.fields | pressing.buttons["Delist IP"], headers=sent
    )

    assert (asked.status, pressed.status) == (403, 403)
    assert await held(portal) == 1
    assert await portal.state() is State.MAIL_SENT


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "OURS"}, {}])
async def test_a_form_of_our_own_page_is_taken(portal: Portal, headers: dict[str, str]) -> None:
    """As browsers of today and of yesterday send it, and programs."""
    sent = {name: value.replace("OURS", portal.house.portal_url) for name, value in headers.items()}
    await portal.add(LISTED)

    assert (await portal.ask(LISTED, SENDER, headers=sent)).status == 303


async def test_an_opaque_origin_opens_the_page_whose_address_is_a_secret_alone(
    portal: Portal,
) -> None:
    """The link's own page sends `Origin: null`; so does a sandboxed one that lacks the link."""
    await portal.add(LISTED)
    null = {"Origin": "null"}

    assert (await portal.ask(LISTED, SENDER, headers=null)).status == 403
    link = await portal.link(LISTED)
    form = (await portal.fetch(link)).form("Delist IP")
    page = await portal.fetch(link, form.fields | form.buttons["Delist IP"], headers=null)
    assert page.status == 200
    assert await portal.listed() == []


async def test_a_form_sent_again_does_nothing_again(portal: Portal) -> None:
    """The request form asks once, whoever replays it; the buttons work once."""
    await portal.add(LISTED)
    form = (await portal.fetch("/")).form("Submit")
    filled = form.fields | {"ip": LISTED, "email": SENDER}
    assert (await portal.fetch("/", filled)).status == 303
    assert [(await portal.fetch("/", filled)).status for _ in range(20)] == [429] * 20
    assert await held(portal) == 1

    await portal.delivered()
    (mail,) = portal.house.config.data.outbox.glob("*.eml")
    token = mail.read_text().partition("/confirm/")[2][:43]
    link = f"/confirm/{token}"
    pressing = (await portal.fetch(link)).form("Delist IP")
    press = pressing.fields | pressing.buttons["Delist IP"]
    assert (await portal.fetch(link, press)).status == 200
    trail = await portal.trail(LISTED)
    await portal.add(LISTED)  # it misbehaved again
    assert [(await portal.fetch(link, press)).status for _ in range(20)] == [200] * 20

    assert await portal.listed() == [f"{LISTED} spam"]
    assert [act for act in await portal.trail(LISTED) if act.actor == "portal"] == [
        act for act in trail if act.actor == "portal"
    ]


async def test_a_form_token_is_good_for_its_own_form_and_network_alone(
    house: House, clock: Clock
) -> None:
    """Neither another visitor's, nor another link's, nor another page's."""
    text = house.file.read_text()
    house.file.write_text(text.replace("[portal]", '[portal]\ntrusted_proxies = ["127.0.0.1"]'))
    async with Portal(house, clock) as portal:
        await portal.add(LISTED)
        await portal.add("203.0.113.8")
        mine, theirs = {"X-Forwarded-For": "192.0.2.1"}, {"X-Forwarded-For": "198.51.100.1"}
        form = (await portal.fetch("/", headers=mine)).form("Submit")
        filled = form.fields | {"ip": LISTED, "email": SENDER}
        assert (await portal.fetch("/", filled, headers=theirs)).status == 403
        assert (await portal.fetch("/", filled, headers=mine)).status == 303
        await portal.delivered()
        (mail,) = house.config.data.outbox.glob("*.eml")
        first = f"/confirm/{mail.read_text().partition('/confirm/')[2][:43]}"
        second = await portal.link("203.0.113.8", "me@other.example")
        foreign = (await portal.fetch(first)).form("Delist IP")

        page = await portal.fetch(second, foreign.fields | foreign.buttons["Delist IP"])

        assert page.status == 403
        assert len(await portal.listed()) == 2


@pytest.mark.parametrize("headers", FORGED_HOSTS)
async def test_links_come_from_the_configuration_alone(
    portal: Portal, headers: dict[str, str]
) -> None:
    """Whatever host a request names: pages link relatively, mails to `portal.public_url`."""
    await portal.add(LISTED)

    asked = await portal.ask(LISTED, SENDER, headers=headers)
    await portal.delivered()
    pages = [
        await portal.fetch(path, headers=headers)
        for path in ("/", f"/?ip={LISTED}", asked.location, "/policy", "/nowhere")
    ]

    (mail,) = portal.house.config.data.outbox.glob("*.eml")
    links = re.findall(r"https?://[^\s\"<>]+", mail.read_text())
    assert links
    assert all(link.startswith(f"{portal.house.portal_url}/confirm/") for link in links)
    assert re.fullmatch(r"/status/[\w-]{43}", asked.location)
    for page in pages:
        assert "evil" not in page.text + str(page.headers)
        assert "dnsbl_portal" not in page.text
        assert not re.search(r'(?:href|action|src)="(?:https?:)?//', page.text)


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("198.51.100.1", "198.51.100.0/24"),
        ("6.6.6.6, 198.51.100.1", "198.51.100.0/24"),
        ("198.51.100.1, 10.0.0.1, 127.0.0.1", "198.51.100.0/24"),
        ("6.6.6.6, unknown, 127.0.0.1", "127.0.0.0/24"),
        ("6.6.6.6, 198.51.100.1, _hidden", "127.0.0.0/24"),
        ('"[2001:db8:1:2::3]:99"', "127.0.0.0/24"),
        ("[2001:db8:1:2::3]:99", "2001:db8:1::/48"),
        ("198.51.100.1\t,\t127.0.0.1", "198.51.100.0/24"),
        (", " * 500 + "198.51.100.1", "198.51.100.0/24"),
        ("6.6.6.6, " + "127.0.0.1, " * 30 + "127.0.0.1", "127.0.0.0/24"),
        ("198.51.100.1' OR 1=1", "127.0.0.0/24"),
    ],
)
async def test_a_client_is_whom_the_last_trusted_hop_heard(
    house: House, clock: Clock, forwarded: str, client: str
) -> None:
    """However long, forged or broken the walk is, it ends at what a trusted proxy said."""
    text = house.file.read_text()
    trusted = '[portal]\ntrusted_proxies = ["127.0.0.1", "10.0.0.0/8"]'
    house.file.write_text(text.replace("[portal]", trusted))
    async with Portal(house, clock) as portal:
        await portal.add(LISTED)

        asked = await portal.ask(LISTED, SENDER, headers={"X-Forwarded-For": forwarded})
        await portal.delivered()

    assert asked.status == 303
    (mail,) = house.config.data.outbox.glob("*.eml")
    assert f"{client}\n" in mail.read_text()
    assert "6.6.6" not in mail.read_text()
