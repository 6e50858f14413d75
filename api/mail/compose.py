"""The mail that asks its reader to confirm: text and HTML, one link, no header of a stranger's.

After a wait it asks once more, for the press that removes what had to wait.
"""

from __future__ import annotations

from collections.abc import Sequence

from api.client_address import shortened
from api.language import Language, Sentence
from api.mail.letter import SUBJECT_CHARS_MAX, letter, lists_named, plain
from api.negotiation import settled
from api.pages import Pages, contact_of
from dnsbl.config import Config
from dnsbl.delist.findings import Finding, asks_operator, zones_that
from dnsbl.network import parse
from dnsbl.store.outbox import Mail
from dnsbl.store.request_states import State
from dnsbl.store.requests import Request


def compose(
    config: Config,
    pages: Pages,
    mail: Mail,
    request: Request,
    findings: Sequence[Finding],
    token: str,
    now: int,
) -> bytes:
    """The whole message, CRLF-delimited.

    Lines hold at most 78 characters, but for a link that is longer by itself.
    """
    language = settled(request.language, config)
    zones = list(dict.fromkeys(finding.zone for finding in findings))
    zones = zones or zones_that(config, "bad") or list(config.zones)
    lists = lists_named([zone.origin for zone in zones], language)
    asks = asks_operator(findings)
    waited = request.state is State.COOLDOWN
    subject = _subject(language, request.address, lists, asks=asks, waited=waited)
    facts = _facts(request, findings, language)
    values = {
        "request": request,
        "facts": facts,
        "label_chars": max(len(label) for label, _ in facts) + len(":  "),
        "lists": lists,
        "zone_count": len(zones),
        "write_to": plain(contact_of(config, zones[0])),
        "asks_operator": asks,
        "waited": waited,
        "listed": bool(findings),
        "subject": subject,
        "link": f"{config.portal.public_url}/confirm/{token}",
    }
    text = pages.text("mail.txt", values, language)
    html = pages.text("mail.html", values, language)
    return letter(config, language, mail, request, subject, text, html, now)


def _subject(language: Language, address: str, lists: str, *, asks: bool, waited: bool) -> str:
    """What the mail is about, in one line; without the lists where they are too many for it."""
    if waited:
        subject = Sentence(
            "The wait for %(address)s in %(lists)s is over", address=address, lists=lists
        )
        short = Sentence("The wait for %(address)s is over", address=address)
    elif asks:
        subject = Sentence(
            "Confirm your request to delist %(address)s from %(lists)s",
            address=address,
            lists=lists,
        )
        short = Sentence("Confirm your request for %(address)s", address=address)
    else:
        subject = Sentence(
            "Confirm the delisting of %(address)s from %(lists)s", address=address, lists=lists
        )
        short = Sentence("Confirm the delisting of %(address)s", address=address)
    text = language.say(subject)
    return text if len(text) <= SUBJECT_CHARS_MAX else language.say(short)


def _facts(
    request: Request, findings: Sequence[Finding], language: Language
) -> list[tuple[str, str]]:
    """What the mail tells, each with its label."""
    facts = [(language.gettext("Address"), request.address)]
    for finding in findings:
        listed = Sentence(
            "%(category)s in %(zone)s", category=finding.category.name, zone=finding.zone.origin
        )
        facts.append((language.gettext("Listed as"), language.say(listed)))
        if finding.in_network:
            facts.append((language.gettext("Network"), finding.listing.network.text))
        if reason := plain(finding.listing.reason):
            facts.append((language.gettext("Why"), reason))
    facts += [
        (language.gettext("Asked from"), shortened(parse(request.client)).text),
        (language.gettext("Asked at"), language.moment(request.created_at)),
    ]
    return facts
