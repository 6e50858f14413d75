"""A whole visit in another language than English: every page of it, and the mail."""

from __future__ import annotations

import email
import email.policy
import re
from email.message import EmailMessage

import pytest
from mailserver import link_in_file
from portal import LISTED, SENDER, Page, Portal
from visitor import Form

from api.language import language
from dnsbl.config.language import LANGUAGES

# Words that English pages have, and no page in another language should.
ENGLISH = re.compile(
    r"\b(the|and|of|your|this|with|request|address|mailbox|listed|removed|press|again)\b",
    re.IGNORECASE,
)
TRANSLATED = [tag for tag in LANGUAGES if tag != "en"]


def words(page: Page) -> str:
    """What a page says, without its markup, and without what a listing or a feed said."""
    text = re.sub(r'<dd class="said">.*?</dd>', " ", page.text, flags=re.DOTALL)
    return re.sub(r"<[^>]*>", " ", text)


def english(page: Page) -> list[str]:
    """The English words on a page."""
    return ENGLISH.findall(words(page))


def the_mail(portal: Portal) -> EmailMessage:
    """The one mail that was written."""
    (file,) = portal.house.config.data.outbox.glob("*.eml")
    found = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def button_form(page: Page, tag: str, text: str) -> Form:
    """The form whose button has this text's translation."""
    return page.form(language(tag).gettext(text))


@pytest.mark.parametrize("tag", TRANSLATED)
async def test_a_whole_visit_in_one_language(portal: Portal, tag: str) -> None:
    """From the first page to the one after the press, and what the link shows then."""
    say = language(tag).gettext
    await portal.add(LISTED, reason="x")

    first = await portal.fetch(f"/?lang={tag}")
    found = await portal.fetch(f"/?lang={tag}&ip={LISTED}")
    form = button_form(found, tag, "Submit")
    asked = await portal.fetch(form.action, form.fields | {"ip": LISTED, "email": SENDER})
    await portal.delivered()
    status = await portal.fetch(asked.location)
    link = link_in_file(portal.house.config.data.outbox)
    confirm = await portal.fetch(link)
    press = button_form(confirm, tag, "Delist IP")
    done = await portal.fetch(link, press.fields | press.buttons[say("Delist IP")])
    after = await portal.fetch(link)
    ended = await portal.fetch(asked.location)
    policy = await portal.fetch(f"/policy?lang={tag}")

    for page in (first, found, status, confirm, done, after, ended, policy):
        assert page.headers["Content-Language"] == tag
        assert english(page) == []
    assert english(await portal.fetch("/")) != []  # the check itself can fail
    assert say("Delisted") in done.text
    assert say("Already delisted") in after.text


@pytest.mark.parametrize("tag", TRANSLATED)
async def test_a_mail_has_the_language_of_its_request(portal: Portal, tag: str) -> None:
    """Subject, sender's name, both bodies; the button is called as on the page."""
    say = language(tag).gettext
    await portal.add(LISTED, reason="x")
    form = button_form(await portal.fetch(f"/?lang={tag}"), tag, "Submit")
    await portal.fetch(form.action, form.fields | {"ip": LISTED, "email": SENDER})
    await portal.delivered()

    mail = the_mail(portal)

    assert mail["Content-Language"] == tag
    assert mail["Subject"].startswith(say("Confirm"))
    assert LISTED in mail["Subject"]
    assert say("%(zone)s blocklist") % {"zone": "bl.example"} in mail["From"]
    for kind in ("plain", "html"):
        part = mail.get_body((kind,))
        assert part is not None
        text = re.sub(r"[ \r\n]+", " ", part.get_content())
        assert ENGLISH.findall(re.sub(r"<[^>]*>", " ", text)) == []
        assert say("Delist IP") in text
        assert language(tag).moment(portal.clock.at) in text


@pytest.mark.parametrize("tag", TRANSLATED)
async def test_what_lies_off_the_usual_way_is_translated_too(portal: Portal, tag: str) -> None:
    """What is not listed, never removed, reviewed, deferred, cancelled, or is no page at all."""
    for network, category in (("203.0.113.1", "spam"), ("203.0.113.1", "hijacked"),
                              ("203.0.113.2", "policy"), ("203.0.113.3", "hijacked")):  # fmt: skip
        await portal.add(network, category, reason="x", expires_at=portal.clock.at + 86_400)
    pages = [
        await portal.fetch(path + f"lang={tag}")
        for path in ("/?ip=192.0.2.1&", "/?ip=203.0.113.3&", "/?ip=203.0.113.1&", "/?ip=x&",
                     "/?ip=127.0.0.2&", "/nowhere?", "/statistics?", "/operator/login?")
    ]  # fmt: skip
    for address in ("203.0.113.1", "203.0.113.2", "203.0.113.1"):
        pages += await visit(portal, tag, address, "Delist IP")
        portal.clock.at += 3600
        await portal.add("203.0.113.1", reason="x", expires_at=portal.clock.at + 86_400)
    await portal.add("203.0.113.9", reason="x", expires_at=portal.clock.at + 86_400)
    pages += await visit(portal, tag, "203.0.113.9", "This was not me")

    for page in pages:
        assert page.headers["Content-Language"] == tag
        assert english(page) == []
    assert any(language(tag).gettext("Not yet") in page.text for page in pages)


async def visit(portal: Portal, tag: str, address: str, button: str) -> list[Page]:
    """A visit for an address, which ends with one of the two buttons; the pages that it met."""
    for file in portal.house.config.data.outbox.glob("*.eml"):
        file.unlink()
    form = button_form(await portal.fetch(f"/?lang={tag}"), tag, "Submit")
    asked = await portal.fetch(form.action, form.fields | {"ip": address, "email": SENDER})
    await portal.delivered()
    link = link_in_file(portal.house.config.data.outbox)
    confirm = await portal.fetch(link)
    press = button_form(confirm, tag, button)
    done = await portal.fetch(link, press.fields)
    return [confirm, done, await portal.fetch(link), await portal.fetch(asked.location)]


async def test_the_visit_in_italian_reads_well(portal: Portal) -> None:
    """The sentences that most visitors meet, word by word."""
    await portal.add(LISTED, reason="x")
    italian = {"Accept-Language": "it-IT,it;q=0.9"}

    found = await portal.fetch(f"/?ip={LISTED}", headers=italian)
    form = found.form("Invia")
    asked = await portal.fetch(
        form.action, form.fields | {"ip": LISTED, "email": SENDER}, headers=italian
    )
    await portal.delivered()
    link = link_in_file(portal.house.config.data.outbox)
    confirm = await portal.fetch(link)
    press = confirm.form("Rimuovi IP")
    done = await portal.fetch(link, press.fields)

    assert "I server di posta che usano questa lista rifiutano la posta" in found.text
    assert asked.status == 303
    assert the_mail(portal)["Subject"] == "Confermi la rimozione di 203.0.113.7 da bl.example"
    assert "la voce viene rimossa subito." in confirm.text
    assert "non più in lista" in done.text


async def test_what_a_form_is_told_is_translated(portal: Portal) -> None:
    """Errors of fields, a form that was open for too long, limits, pages of failures."""
    await portal.add(LISTED)
    form = (await portal.fetch("/?lang=it")).form("Invia")

    wrong = await portal.fetch(form.action, form.fields | {"ip": "", "email": "x"})
    forged = await portal.fetch(form.action, {"ip": LISTED, "email": SENDER})
    kind = await portal.fetch(form.action, b"{}", headers={"Content-Type": "application/json"})
    twice = form.fields | {"ip": LISTED, "email": SENDER}
    assert (await portal.fetch(form.action, twice)).status == 303
    limited = await portal.fetch(form.action, twice)

    statuses = [page.status for page in (wrong, forged, kind, limited)]
    assert statuses == [422, 403, 415, 429]
    for page in (wrong, forged, kind, limited):
        assert page.headers["Content-Language"] == "it"
        assert english(page) == []
