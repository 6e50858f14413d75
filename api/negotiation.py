"""In which language a page is: chosen by the visitor, by the request, by the browser, by us.

In this order: `?lang=` of the address, as the switch of a page sets it; the
language that a delist request was made in, on its own pages; what the browser
says that its user reads (RFC 9110 §12.5.4); `portal.language`. What is not
among `LANGUAGES` counts as nothing said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from api.language import Language, language, languages
from dnsbl.config import Config
from dnsbl.config.language import LANGUAGES

PARAMETER: Final = "lang"
HEADER_CHARS_MAX: Final = 1000  # browsers send a few dozen; what lies beyond is not looked at
_RANGES_MAX: Final = 32
_CARRIED_FIELDS_MAX: Final = 8
_CARRIED_NAME_CHARS_MAX: Final = 32
_CARRIED_CHARS_MAX: Final = 320

# RFC 9110 §12.5.4, §12.4.2: a language range, and a weight with at most three decimals
_RANGE: Final = re.compile(
    r"\s*(\*|[a-z]{1,8}(?:-[a-z0-9]{1,8})*)\s*(?:;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?",
    re.ASCII | re.IGNORECASE,
)

OWN_LANGUAGE: Final = web.RequestKey("own_language", str)


@dataclass(frozen=True, slots=True)
class Offer:
    """A language that a page can be had in instead: `href` is relative to the page."""

    tag: str
    name: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """The language of a page, and how its links and forms carry it on.

    ``lang`` is what they carry; it is empty where the browser's own wish leads
    to the same language anyway.
    """

    language: Language
    lang: str
    offers: tuple[Offer, ...]


def choose(request: web.Request, config: Config, own: str = "") -> Choice:
    """The language for a page. `own` is the language that a delist request was made in."""
    if own in LANGUAGES:
        request[OWN_LANGUAGE] = own  # for a page of a failure later on
    own = request.get(OWN_LANGUAGE, "")
    asked = request.query.get(PARAMETER, "")
    asked = asked if asked in LANGUAGES else ""
    usual = accepted(request.headers.getall("Accept-Language", ()), config.portal.language)
    tag = asked or own or usual
    return Choice(language(tag), tag if asked or tag != usual else "", _offers(request, tag))


def settled(tag: str, config: Config) -> Language:
    """The language that a request was made in; ours, should it be one that is gone."""
    return language(tag if tag in LANGUAGES else config.portal.language)


def accepted(headers: Sequence[str], usual: str) -> str:
    """The language that Accept-Language prefers; the usual one, where it has no word for us.

    RFC 4647 §3.4: "de-AT" is content with "de". RFC 9110 §12.5.4: "*" stands for
    all that are not named, weight 0 is a refusal.
    """
    weights: dict[str, float] = {}
    header = ",".join(headers)
    if len(header) > HEADER_CHARS_MAX:
        header = header[:HEADER_CHARS_MAX].rpartition(",")[0]
    for item in header.split(",")[:_RANGES_MAX]:
        if found := _RANGE.fullmatch(item):
            tag = found[1].lower().partition("-")[0]
            weight = float(found[2] or 1)
            weights[tag] = max(weight, weights.get(tag, 0.0))
    rest = weights.get("*", 0.0)
    # Where several weigh the same: in the order of the header, as browsers mean it.
    candidates = dict.fromkeys([*(tag for tag in weights if tag in LANGUAGES), usual, *LANGUAGES])
    best = max(candidates, key=lambda tag: weights.get(tag, rest))
    return best if weights.get(best, rest) > 0 else usual


def _offers(request: web.Request, current: str) -> tuple[Offer, ...]:
    """The same page in every language: a reference of nothing but a query (RFC 3986 §5.2.2)."""
    kept = [
        (name, value[:_CARRIED_CHARS_MAX])
        for name, value in list(request.query.items())[:_CARRIED_FIELDS_MAX]
        if name != PARAMETER and len(name) <= _CARRIED_NAME_CHARS_MAX
    ]
    return tuple(
        Offer(each.tag, each.name, f"?{urlencode([*kept, (PARAMETER, each.tag)])}",
              each.tag == current)
        for each in languages()
    )  # fmt: skip
