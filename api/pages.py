"""The templates, and the few words that they need help with: times, spans, contacts, links."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import CodeType
from typing import Final
from urllib.parse import urlencode, urlsplit

import jinja2
from aiohttp import web
from jinja2.bccache import Bucket
from jinja2.runtime import Context
from markupsafe import Markup

from api.language import Language
from api.look import Look
from api.negotiation import Choice
from dnsbl.config import Config, ZoneConfig
from dnsbl.delist.conclusion import GONE
from dnsbl.delist.policy import Shortfall
from dnsbl.store.request_items import Item, ItemOutcome
from dnsbl.store.requests import FORGOTTEN, masked

TEMPLATE_FOLDER: Final = Path(__file__).parent / "templates"

_WITHIN_IPV6: Final = re.compile(r"(?<=[0-9a-f:]):(?=[0-9a-f:])")
_MAILBOX: Final = re.compile(r"[^\s@<>\"?&]+@[^\s@<>\"?&]+")


class Pages:
    """Renders templates, with an environment for each language; every value in a page is escaped.

    Beside what it is given, a template has: ``language``, a `Language`; ``href(path, name=value)``,
    the address of a page of ours, which carries a chosen language on; ``lang``, what a form
    carries for that, or ""; ``offers``, the same page in each language.
    """

    def __init__(self, config: Config) -> None:
        self.look = Look(config.portal)
        self._config = config
        self._environments: dict[str, jinja2.Environment] = {}

    def page(
        self,
        template: str,
        values: Mapping[str, object],
        *,
        language: Choice,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> web.Response:
        """A page as a response."""
        spoken = {"lang": language.lang, "offers": language.offers}
        said = {"Content-Language": language.language.tag, "Vary": "Accept-Language"}
        return web.Response(
            text=self.text(template, {**values, **spoken}, language.language),
            content_type="text/html",
            charset="utf-8",
            status=status,
            headers={**said, **(headers or {})},
        )

    def text(self, template: str, values: Mapping[str, object], language: Language) -> str:
        """A rendered template."""
        return self._environment(language).get_template(template).render(values)

    def _environment(self, language: Language) -> jinja2.Environment:
        if (made := self._environments.get(language.tag)) is None:
            made = self._environments[language.tag] = _environment(
                self._config, language, self.look
            )
        return made


class _Compiled(jinja2.BytecodeCache):
    """Templates that were compiled, in memory: what comes of one is the same in every language."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """What was made of this very source, if it was compiled."""
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keeps what was made of a source."""
        assert bucket.code is not None
        self._codes[bucket.key, bucket.checksum] = bucket.code


_COMPILED: Final = _Compiled()


def _environment(config: Config, language: Language, look: Look) -> jinja2.Environment:
    """What templates are rendered with in a language; each is compiled at its first use."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE_FOLDER),
        extensions=["jinja2.ext.i18n"],
        autoescape=jinja2.select_autoescape(("html",), default=False),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,  # they are part of the program
        bytecode_cache=_COMPILED,
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # the extension adds it
        language.gettext, language.ngettext, newstyle=True
    )
    environment.filters.update(
        moment=functools.partial(moment, language), plain=language.moment, span=language.span,
        day=language.day, number=language.number, say=language.say,
        enumeration=language.enumeration, contact=contact_link,
        masked=functools.partial(shown_mailbox, language),
        breakable=breakable, contact_of=functools.partial(contact_of, config),
    )  # fmt: skip
    environment.globals.update(
        language=language,
        root=urlsplit(config.portal.public_url).path,
        href=_href,
        brand=brand(config, language),
        contact=contact_of(config, config.zones[0]),
        contact_of=functools.partial(contact_of, config),
        zones=config.zones,
        names_served=any(zone.lists == "names" for zone in config.zones),
        zone_of=config.zone,
        shortfall=Shortfall.read,
        removed=removed,
        assets=look,
        texts=config.portal.texts.said_in(language.tag),
    )
    return environment


@jinja2.pass_context
def _href(context: Context, path: str, **query: str) -> str:
    """The address of a page of ours, in the language that was chosen for this one."""
    if context["lang"]:
        query["lang"] = context["lang"]
    return f"{context['root']}{path}{'?' if query else ''}{urlencode(query)}"


def brand(config: Config, language: Language) -> str:
    """Whose pages and mails these are: the operator's name, or the zone where there is one."""
    if config.portal.name:
        return config.portal.name
    if len(config.zones) == 1:
        return config.zones[0].origin
    return language.gettext("Blocklist removal")  # no one zone stands for the others


def contact_of(config: Config, zone: ZoneConfig) -> str:
    """Whom to write to about a zone (RFC 6471 §2.2.2: there is always somebody)."""
    return config.portal.contact or zone.hostmaster


def removed(items: Iterable[Item]) -> bool:
    """Whether a request took anything off, so far; what went away by itself does not count."""
    return any(item.outcome is ItemOutcome.DELISTED and item.rule != GONE for item in items)


def shown_mailbox(language: Language, mailbox: str) -> str:
    """A mailbox as strangers may see it, or that it is not known any more."""
    return language.gettext("forgotten") if mailbox == FORGOTTEN else masked(mailbox)


def moment(language: Language, at: int) -> Markup:
    """A time as a <time> element: for people, and in a form that programs understand too."""
    exact = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Markup('<time datetime="{}">{}</time>').format(exact, language.moment(at))


def breakable(text: str) -> Markup:
    """Text whose IPv6 addresses a narrow page breaks after a colon, and nowhere else if it can."""
    return Markup(":<wbr>").join(_WITHIN_IPV6.split(text))


def contact_link(contact: str) -> Markup:
    """A mailbox or a web address as a link; anything else as it stands."""
    if contact.startswith(("https://", "http://")):
        return Markup('<a href="{0}">{0}</a>').format(contact)
    if _MAILBOX.fullmatch(contact):
        return Markup('<a href="mailto:{0}">{0}</a>').format(contact)
    return Markup("{}").format(contact)
