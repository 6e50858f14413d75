"""Who may see the operators' pages, and for how long."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from house import House
from operators import LOGIN, QUEUE, Operator, cookie_of, make_token, operator
from portal import START, Clock, Portal
from structlog.typing import EventDict

from api.operator.attempts import FAILURES_MAX, WINDOW_S
from api.operator.session import SESSION_S
from dnsbl.store import api_tokens
from dnsbl.store.database import Database

PAGES = ("/operator", "/operator/", QUEUE, f"{QUEUE}/1")
HOUR_S = 3600
OPENS_NOTHING = "That is no token that opens this page."


async def used_at(portal: Portal, name: str = "anna") -> int | None:
    """When a token was used last."""
    token = await portal.sidecar.truth.read(api_tokens.find, name)
    assert token is not None
    return token.last_used_at


async def revoke(portal: Portal, name: str = "anna") -> None:
    """As `dnsbl token revoke` does."""

    def change(database: Database) -> None:
        token = api_tokens.find(database, name)
        assert token is not None
        assert api_tokens.revoke(database, token.id, portal.clock.at)

    await portal.sidecar.truth.write(change)


@pytest.mark.parametrize("path", PAGES)
async def test_a_stranger_is_led_to_the_login(portal: Portal, path: str) -> None:
    """Every page of the operators' leads there; none shows anything."""
    page = await portal.fetch(path)
    if page.location == QUEUE:
        page = await portal.fetch(page.location)

    assert page.status == HTTPStatus.SEE_OTHER
    assert page.location.partition("?")[0] == LOGIN
    assert page.text == ""


async def test_a_token_opens_a_session(portal: Portal, log: list[EventDict]) -> None:
    """The cookie is for these pages alone, unseen by scripts and by other sites."""
    made, text = await make_token(portal)
    someone = Operator(portal, text)

    page = await someone.log_in()

    cookie = cookie_of(page)
    assert (page.status, page.location) == (303, QUEUE)
    assert cookie is not None
    assert cookie.key == "dnsbl_operator"
    assert {name: value for name, value in cookie.items() if value} == {
        "path": "/operator", "max-age": str(SESSION_S), "httponly": True, "samesite": "Strict",
    }  # fmt: skip
    assert text not in page.headers["Set-Cookie"]
    assert (await someone.fetch(QUEUE)).status == HTTPStatus.OK
    assert await used_at(portal) == START - START % 60
    assert {"event": "operator_logged_in", "operator": made.name, "log_level": "info"} in log
    assert text not in str(log)


async def test_over_https_the_cookie_is_secure(house: House, clock: Clock) -> None:
    """And below the path of the portal, where it has one."""
    house.file.write_text(
        house.file.read_text().replace(
            f'public_url = "{house.portal_url}"', 'public_url = "https://bl.example/portal"'
        )
    )
    async with Portal(house, clock) as portal:
        _, text = await make_token(portal)
        someone = Operator(portal, text)
        form = (await someone.fetch(LOGIN)).form("Log in")
        page = await someone.fetch(LOGIN, form.fields | {"token": text})

        cookie = cookie_of(page)
        assert form.action == f"/portal{LOGIN}"
        assert page.location == f"/portal{QUEUE}"
        assert cookie is not None
        assert (cookie.key, cookie["secure"], cookie["path"]) == (
            "__Secure-dnsbl_operator", True, "/portal/operator",
        )  # fmt: skip
        assert (await someone.fetch(QUEUE)).status == HTTPStatus.OK


async def test_what_is_no_good_token_opens_nothing(portal: Portal) -> None:
    """Unknown, cut, empty, revoked, ended, or for something else: one sentence for all."""
    _, good = await make_token(portal, "good")
    _, revoked = await make_token(portal, "anna")
    await revoke(portal)
    _, ended = await make_token(portal, "ended", expires_at=START)
    _, other = await make_token(portal, "other", "read", "write")
    wrong = [api_tokens.new_token(), good[:-1], "", "x" * 10_000, revoked, ended, other, "ü\x00"]

    pages = [await Operator(portal).log_in(text or " ") for text in wrong]

    assert [page.status for page in pages] == [403] * len(wrong)
    assert all(OPENS_NOTHING in page.text for page in pages)
    assert all(cookie_of(page) is None for page in pages)
    assert not any(text in page.text for text, page in zip(wrong, pages, strict=True) if text)


async def test_guessing_is_slowed_down(portal: Portal, log: list[EventDict]) -> None:
    """After some failures a client is told to wait; who it was is logged, without the token."""
    someone = Operator(portal)
    for _ in range(FAILURES_MAX):
        await someone.log_in(api_tokens.new_token())

    late = await someone.log_in(api_tokens.new_token())
    portal.clock.at += WINDOW_S
    again = await someone.log_in(api_tokens.new_token())

    assert (late.status, late.headers["Retry-After"]) == (429, str(WINDOW_S))
    assert "Too many attempts. Try again in 15 minutes." in late.text
    assert again.status == 403
    events = [(event["event"], event.get("client")) for event in log]
    assert events.count(("operator_login_failed", "127.0.0.1/32")) == FAILURES_MAX + 1
    assert ("operator_login_limited", "127.0.0.1/32") in events


async def test_nobody_shuts_an_operator_out(portal: Portal) -> None:
    """Somebody of the same network who fails on purpose keeps no good token out."""
    _, good = await make_token(portal)
    for _ in range(FAILURES_MAX + 1):
        await Operator(portal).log_in(api_tokens.new_token())

    assert (await Operator(portal, good).log_in()).location == QUEUE


async def test_a_revoked_token_ends_its_sessions_at_once(portal: Portal) -> None:
    """The next page of it is the login; a form that was open changes nothing."""
    someone = await operator(portal)
    form = (await someone.fetch(QUEUE)).form("Log out")

    await revoke(portal)
    looked = await someone.fetch(QUEUE)
    pressed = await someone.fetch("/operator/requests/1/approve", form.fields)

    assert (looked.status, looked.location) == (303, LOGIN)
    assert pressed.status == 403
    assert "Your session has ended." in pressed.text


async def test_a_session_ends_after_half_a_day(portal: Portal) -> None:
    """Though its cookie be sent on."""
    someone = await operator(portal)
    portal.clock.at += SESSION_S - 1
    before = await someone.fetch(QUEUE)
    portal.clock.at += 1

    after = await someone.fetch(QUEUE)

    assert (before.status, after.status, after.location) == (200, 303, LOGIN)


async def test_a_session_ends_with_its_token(portal: Portal) -> None:
    """A token of an hour opens an hour."""
    _, text = await make_token(portal, expires_at=START + HOUR_S)
    someone = Operator(portal, text)
    page = await someone.log_in()
    portal.clock.at += HOUR_S

    assert f"Max-Age={HOUR_S}" in page.headers["Set-Cookie"]
    assert (await someone.fetch(QUEUE)).status == 303


async def test_who_logs_out_is_out(house: House, clock: Clock) -> None:
    """In this browser and with a copy of its cookie, also after a restart; the audit has both."""
    async with Portal(house, clock) as portal:
        someone = await operator(portal)
        kept = someone.cookie

        page = await someone.press(QUEUE, "Log out")

        assert (page.status, page.location, someone.cookie) == (303, LOGIN, "")
        assert "Max-Age=0" in page.headers["Set-Cookie"]
        someone.cookie = kept
        assert (await someone.fetch(QUEUE)).status == 303
    async with Portal(house, clock) as portal:
        someone.portal, someone.cookie = portal, kept
        assert (await someone.fetch(QUEUE)).status == 303
        acts = await portal.sidecar.truth.read(
            lambda database: database.rows("SELECT actor, act FROM audit ORDER BY id")
        )
        assert [tuple(act) for act in acts] == [
            ("operator:anna", "operator.logged_in"),
            ("operator:anna", "operator.logged_out"),
        ]


async def test_another_site_can_neither_log_in_nor_out(portal: Portal) -> None:
    """Its forms are refused by where they come from, and by what they lack."""
    _, text = await make_token(portal)
    someone = Operator(portal, text)
    login = (await someone.fetch(LOGIN)).form("Log in").fields | {"token": text}
    logged_in = await operator(portal, "bob")
    logout = (await logged_in.fetch(QUEUE)).form("Log out").fields
    cross = {"Sec-Fetch-Site": "cross-site"}
    foreign = {"Origin": "https://evil.example"}

    pages = [
        await someone.fetch(LOGIN, login, cross),
        await someone.fetch(LOGIN, login, foreign),
        await someone.fetch(LOGIN, {"token": text}),
        await someone.fetch(LOGIN, login | {"form_token": login["form_token"][:-1] + "_"}),
        await logged_in.fetch("/operator/logout", logout, cross),
        await logged_in.fetch("/operator/logout", {}),
        await logged_in.fetch("/operator/logout", login),
    ]

    assert [page.status for page in pages] == [403] * len(pages)
    assert someone.cookie == ""
    assert (await logged_in.fetch(QUEUE)).status == 200


async def test_a_form_of_another_session_is_refused(portal: Portal) -> None:
    """Whoever lures an operator into a form of his own gets nowhere with it."""
    anna, bob = await operator(portal, "anna"), await operator(portal, "bob")
    form = (await bob.fetch(QUEUE)).form("Log out")

    page = await anna.fetch(form.action, form.fields)

    assert page.status == 403
    assert (await anna.fetch(QUEUE)).status == 200


async def test_the_login_leads_to_the_request_that_was_wanted(portal: Portal) -> None:
    """A link to a request, in a chat or a hook's message, is not lost by the login."""
    _, text = await make_token(portal)
    someone = Operator(portal, text)
    asked = await someone.fetch(f"{QUEUE}/17")

    page = await someone.log_in(path=asked.location)

    assert asked.location == f"{LOGIN}?request=17"
    assert page.location == f"{QUEUE}/17"


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example", "0", "-1", "1" * 19])
async def test_the_login_leads_nowhere_else(portal: Portal, wanted: str) -> None:
    """Nobody sends an operator to another site by a link to the login."""
    _, text = await make_token(portal)
    someone = Operator(portal, text)
    form = (await someone.fetch(f"{LOGIN}?request={wanted}")).form("Log in")

    page = await someone.fetch(LOGIN, form.fields | {"token": text, "request": wanted})

    assert "request" not in form.fields
    assert page.location == QUEUE


@pytest.mark.parametrize("path", [LOGIN, QUEUE, f"{QUEUE}/99"])
async def test_no_page_is_kept_or_found(portal: Portal, path: str) -> None:
    """Neither by caches nor by search engines, and none runs a script or is framed."""
    someone = await operator(portal)

    for page in (await someone.fetch(path), await portal.fetch(path)):
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["X-Robots-Tag"] == "noindex, nofollow"
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
        assert page.headers["X-Content-Type-Options"] == "nosniff"


async def test_who_is_logged_in_needs_no_login(portal: Portal) -> None:
    """The login leads on to the queue."""
    someone = await operator(portal)

    assert (await someone.fetch(LOGIN)).location == QUEUE


async def test_the_use_of_a_token_is_noted_to_the_minute(portal: Portal) -> None:
    """By every page, and once a minute at most."""
    someone = await operator(portal)
    portal.clock.at += 59
    await someone.fetch(QUEUE)
    before = await used_at(portal)
    portal.clock.at += 61
    await someone.fetch(QUEUE)

    assert (before, await used_at(portal)) == (START, START + 120)
