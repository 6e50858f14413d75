"""Fields of ten thousand characters, and encodings that no form of ours asks for."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, urlencode

import pytest
from portal import LISTED, SENDER, Portal

from dnsbl.store import requests

LONG = 10_000
FORM = "application/x-www-form-urlencoded"
HOSTILE = [
    "a" * LONG,
    "\N{PILE OF POO}" * (LONG // 12),
    "<script>alert(1)</script>" * 100,
    "\"'><img src=x onerror=alert(1)>",
    "{{7*7}}${7*7}%(text)s%s%n",
    "\u202e\u2066evil\u2069\u202c",
    "e" + "\u0301" * 2000,
    "\0", "\x7f", "\x1b[31m", "a\r\nSet-Cookie: x=1", "' OR 1=1 --", "../../etc/passwd", "\ufffe",
    "0" * LONG, "1." * LONG, ":" * LONG, "[" * 500, "%00", "+", "&amp;", "0x7f000001", "1e9",
    "\u0661.\u0662.\u0663.\u0664", "\uff11.2.3.4", "203.0.113.7%eth0", "203.0.113.07", "1.2.3",
]  # fmt: skip


async def held(portal: Portal) -> int:
    """How many requests there are."""
    return sum((await portal.sidecar.truth.read(requests.in_states)).values())


def fields_of(text: str) -> Iterable[dict[str, str]]:
    """Such a text in each of the fields in turn."""
    yield {"ip": text}
    yield {"email": text}
    yield {"email": f"{text}@sender.example"}
    yield {"email": f"me@{text}.example"}
    yield {"form_token": text}
    yield {"lang": text}
    yield {text: "x"}


@pytest.mark.parametrize("text", HOSTILE)
async def test_whatever_stands_in_a_field_is_told_apart_and_escaped(
    portal: Portal, text: str
) -> None:
    """A page that says what is wrong, never an error of ours, and never what was sent as markup."""
    await portal.add(LISTED)
    form = (await portal.fetch("/")).form("Submit")
    good = form.fields | {"ip": LISTED, "email": SENDER}
    for fields in fields_of(text):
        body = urlencode(good | fields).encode()
        page = await portal.fetch("/", body, headers={"Content-Type": FORM})

        assert page.status in (303, 400, 403, 413, 422, 429)
        assert "<script" not in page.text
        assert "<img" not in page.text
        assert len(page.text) < 30_000
        assert "Set-Cookie" not in page.headers
    for path in (f"/?ip={quote(text)}", f"/?address={quote(text)}", f"/?lang={quote(text)}"):
        page = await portal.fetch(path)
        assert page.status in (200, 400)
        assert "<script" not in page.text
        assert "<img" not in page.text
        assert len(page.text) < 30_000
    assert await held(portal) <= 1


@pytest.mark.parametrize("charset", ["utf-16", "latin-1", "idna", "shift_jis", "x" * 500])
async def test_a_form_in_another_encoding_is_refused(portal: Portal, charset: str) -> None:
    """Our pages are UTF-8, and their forms percent-encode it: other octets are no form of ours."""
    await portal.add(LISTED)
    form = (await portal.fetch("/")).form("Submit")
    filled = form.fields | {"ip": LISTED, "email": "j\xf6rg@sender.example"}
    try:
        body = urlencode(filled, encoding=charset).encode()
        raw = "&".join(f"{name}={value}" for name, value in filled.items()).encode(charset)
    except (LookupError, UnicodeError):
        body, raw = urlencode(filled).encode(), urlencode(filled).encode("utf-16")

    for octets in (body, raw):
        page = await portal.fetch(
            "/", octets, headers={"Content-Type": f"{FORM}; charset={charset}"}
        )
        assert page.status in (400, 403, 422)
    assert await held(portal) == 0
