"""The templates, and the few words that they need help with: times, spans, contacts."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import jinja2
from aiohttp import web
from markupsafe import Markup

from dnsbl.config import Config, ZoneConfig
from dnsbl.store.requests import masked

STATIC_FOLDER: Final = Path(__file__).parent / "static"
TEMPLATE_FOLDER: Final = Path(__file__).parent / "templates"

_SPANS: Final = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_SEVERAL_LISTS: Final = "Blocklist removal"  # what stands for the name where no one zone does
_WITHIN_IPV6: Final = re.compile(r"(?<=[0-9a-f:]):(?=[0-9a-f:])")
_MAILBOX: Final = re.compile(r"[^\s@<>\"?&]+@[^\s@<>\"?&]+")


class Pages:
    """Renders templates; every value in a page is escaped."""

    def __init__(self, config: Config) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATE_FOLDER),
            autoescape=jinja2.select_autoescape(("html",), default=False),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self._environment.filters.update(
            moment=moment, span=span, contact=contact_link, masked=masked, plain=plain_moment,
            breakable=breakable, contact_of=functools.partial(contact_of, config),
        )  # fmt: skip
        self._environment.globals.update(
            root=urlsplit(config.portal.public_url).path,
            brand=brand(config),
            contact=contact_of(config, config.zones[0]),
            contact_of=functools.partial(contact_of, config),
            zones=config.zones,
            style_version=_version(STATIC_FOLDER / "portal.css"),
        )

    def page(
        self,
        template: str,
        values: Mapping[str, object],
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> web.Response:
        """A page as a response."""
        return web.Response(
            text=self.text(template, values),
            content_type="text/html",
            charset="utf-8",
            status=status,
            headers=headers,
        )

    def text(self, template: str, values: Mapping[str, object]) -> str:
        """A rendered template."""
        return self._environment.get_template(template).render(values)


def brand(config: Config) -> str:
    """Whose pages and mails these are: the zone where there is one."""
    return config.zones[0].origin if len(config.zones) == 1 else _SEVERAL_LISTS


def contact_of(config: Config, zone: ZoneConfig) -> str:
    """Whom to write to about a zone (RFC 6471 §2.2.2: there is always somebody)."""
    return config.portal.contact or zone.hostmaster


def plain_moment(at: int) -> str:
    """A time as people write it, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%-d %B %Y, %H:%M UTC")


def moment(at: int) -> Markup:
    """The same as a <time> element that programs understand too."""
    exact = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Markup('<time datetime="{}">{}</time>').format(exact, plain_moment(at))


def span(seconds: int) -> str:
    """A length of time in its largest units: "7 days", "1 hour 5 minutes"."""
    words: list[str] = []
    rest = max(1, seconds)
    for unit_s, unit in _SPANS:
        count, rest = divmod(rest, unit_s)
        if count:
            words.append(f"{count} {unit}{'' if count == 1 else 's'}")
        if len(words) == 2 or (words and not count):  # noqa: PLR2004  # finer would be noise
            break
    return " ".join(words)


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


def _version(file: Path) -> str:
    """A mark of a file's content, so that browsers may keep the file for long."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]
