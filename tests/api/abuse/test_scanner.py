"""A mail scanner: it follows every link, and presses every button on pages that it fetched."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urlencode, urljoin

from portal import LISTED, Portal
from visitor import Form

from dnsbl.store.database import Database
from dnsbl.store.request_states import State

_FORM = re.compile(r"<form\b([^>]*)>", re.IGNORECASE)
_LINK = re.compile(r"(?:href|src|action)=\s*\"([^\"]+)\"", re.IGNORECASE)
_REFRESH = re.compile(r"http-equiv=\"refresh\" content=\"[^\";]*;\s*url=([^\"]+)\"", re.IGNORECASE)


# What the sidecar notes by itself of the listing that a test made.
_OWN_NOTES = ("daily_counts", "events", "hooks", "sqlite_sequence", "meta")
_INSERTS = tuple(f'INSERT INTO "{name}"' for name in _OWN_NOTES)


def rows(database: Database) -> list[str]:
    """All that the database holds, but for the sidecar's notes about listings."""
    dump = database.db.conn.iterdump()
    return [line for line in dump if not line.startswith(_INSERTS)]


async def crawl(portal: Portal, start: str) -> set[str]:
    """GET and HEAD of all that can be reached, with the buttons of forms that GET pressed too."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        url = waiting.pop()
        if url in seen or not url.startswith(portal.house.portal_url):
            continue
        seen.add(url)
        assert len(seen) < 500
        assert (await portal.fetch(url, method="HEAD")).status < 500
        page = await portal.fetch(url)
        assert page.status < 500
        found = [unescape(link) for link in _LINK.findall(page.text) + _REFRESH.findall(page.text)]
        waiting += [urljoin(url, link).partition("#")[0] for link in found]
        methods = [re.search(r'method="(\w+)"', form) for form in _FORM.findall(page.text)]
        for form, method in zip(page.forms, methods, strict=True):
            if method is None or method[1].lower() == "get":
                waiting += pressed(url, form)
            # As a scanner does that takes actions for links, and fields for their queries.
            action = urljoin(url, form.action or url).partition("?")[0]
            waiting += [action, f"{action}?{urlencode(form.fields)}"]
    return seen


def pressed(url: str, form: Form) -> list[str]:
    """Where each button of a form leads that is sent by GET."""
    fields = [form.fields | button for button in form.buttons.values()] or [form.fields]
    action = urljoin(url, form.action or url).partition("?")[0]
    return [f"{action}?{urlencode(each)}" for each in fields]


async def test_whatever_is_done_by_get_changes_nothing(portal: Portal) -> None:
    """Not a row of the database: the listing stays, the link works, nobody is suppressed."""
    await portal.add(LISTED)
    link = await portal.link(LISTED)
    before = await portal.sidecar.truth.read(rows)

    seen = await crawl(portal, link)

    assert await portal.sidecar.truth.read(rows) == before
    assert await portal.state() is State.MAIL_SENT
    assert await portal.listed() == [f"{LISTED} spam"]
    assert {url.removeprefix(portal.house.portal_url).partition("?")[0] for url in seen} > {
        "/", "/policy", link.removeprefix(portal.house.portal_url),
    }  # fmt: skip
    assert (await portal.press(link)).status == 200


async def test_the_buttons_of_a_mail_s_page_want_a_post(portal: Portal) -> None:
    """What the page's forms hold does nothing as a link, with whichever method but POST."""
    await portal.add(LISTED)
    link = await portal.link(LISTED)
    page = await portal.fetch(link)
    for form in page.forms:
        for button in form.buttons.values():
            query = urlencode(form.fields | button)
            for method in ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"):
                answer = await portal.fetch(f"{link}?{query}", method=method)
                assert answer.status in (200, 405)

    assert await portal.state() is State.MAIL_SENT


async def test_no_page_presses_its_own_button(portal: Portal) -> None:
    """No script that a scanner's browser would run, no form that sends itself."""
    await portal.add(LISTED)
    link = await portal.link(LISTED)

    page = await portal.fetch(link)

    assert not re.search(
        r"<script|\son\w+=|javascript:|autofocus|http-equiv", page.text, re.IGNORECASE
    )
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
