"""The mail that tells a sender what an operator decided, and what can be done now.

Or that there is nothing left to decide, since what was asked about is no longer listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlencode

from api.language import Language, Sentence
from api.mail.letter import letter, lists_named, plain
from api.negotiation import PARAMETER, settled
from api.pages import Pages, contact_of
from dnsbl.config import Config, ZoneConfig
from dnsbl.delist.conclusion import GONE
from dnsbl.delist.decision import OPERATOR
from dnsbl.store.outbox import Mail
from dnsbl.store.request_items import Item, ItemOutcome
from dnsbl.store.requests import Request

_TTL_S_DEFAULT: Final = 3600  # of a zone that the configuration has no more


def compose_decision(
    config: Config,
    pages: Pages,
    mail: Mail,
    request: Request,
    items: Sequence[Item],
    now: int,
) -> bytes:
    """The whole message, CRLF-delimited; ``items`` is all that the request came to so far.

    Its one link is the look-up page, in the language of the request.
    """
    language = settled(request.language, config)
    ruled = [item for item in items if item.rule == OPERATOR]
    removed = [item for item in ruled if item.outcome is ItemOutcome.DELISTED]
    # Also what the policy refused, beside what went by itself.
    kept = [item for item in items if item.outcome is ItemOutcome.REFUSED]
    waiting = [item for item in items if item.outcome is ItemOutcome.COOLDOWN]
    gone = [item for item in items if item.rule == GONE]
    zones = _zones(config, [*ruled, *gone] or items)
    went = bool(removed or (gone and kept))
    subject = _subject(language, request.address, removed=went, kept=bool(kept))
    facts = _facts(language, request, [*removed, *kept], gone)
    values = {
        "subject": subject,
        "lists": lists_named([zone.origin for zone in zones], language),
        "zone_count": len(zones),
        "facts": facts,
        "label_chars": max(len(label) for label, _ in facts) + len(":  "),
        "ruled": bool(ruled),
        "removed": bool(removed),
        "kept": bool(kept),
        "waits_until": min(
            (item.until for item in waiting if item.until is not None), default=None
        ),
        "forgotten_s": max(
            (zone.ttl_s for zone in _zones(config, removed or gone)), default=_TTL_S_DEFAULT
        ),
        "write_to": plain(contact_of(config, zones[0])),
        "link": _link(config, request, language),
    }
    text = pages.text("decision.txt", values, language)
    html = pages.text("decision.html", values, language)
    return letter(config, language, mail, request, subject, text, html, now)


def _zones(config: Config, items: Iterable[Item]) -> list[ZoneConfig]:
    """The zones of items, each once; the first one, should the configuration have none of them."""
    origins = dict.fromkeys(item.zone for item in items)
    return [zone for origin in origins if (zone := config.zone(origin))] or [config.zones[0]]


def _subject(language: Language, address: str, *, removed: bool, kept: bool) -> str:
    """The outcome in one line."""
    if not removed and not kept:
        subject = Sentence("Your request for %(address)s: no longer listed", address=address)
    elif removed and not kept:
        subject = Sentence("Your request for %(address)s: approved", address=address)
    elif kept and not removed:
        subject = Sentence("Your request for %(address)s: refused", address=address)
    else:
        subject = Sentence("Your request for %(address)s: decided", address=address)
    return language.say(subject)


def _facts(
    language: Language, request: Request, ruled: Iterable[Item], gone: Iterable[Item]
) -> list[tuple[str, str]]:
    """What came of it, each with its label; a reason that is the same for several comes once."""
    facts = [(language.gettext("Address"), request.address)]
    reasons: dict[str, None] = {}
    for item in ruled:
        listed = Sentence("%(category)s in %(zone)s", category=item.category, zone=item.zone)
        if item.outcome is ItemOutcome.DELISTED:
            label = language.gettext("Delisted")
        else:
            label = language.gettext("Not removed")
        facts.append((label, language.say(listed)))
        reasons[plain(item.reason)] = None
    for item in gone:
        listed = Sentence("%(category)s in %(zone)s", category=item.category, zone=item.zone)
        facts.append((language.gettext("No longer listed"), language.say(listed)))
    facts += [(language.gettext("Reason"), reason) for reason in reasons if reason]
    facts.append((language.gettext("Asked at"), language.moment(request.created_at)))
    return facts


def _link(config: Config, request: Request, language: Language) -> str:
    query = urlencode({"ip": request.address, PARAMETER: language.tag}, safe=":")
    return f"{config.portal.public_url}/?{query}"
