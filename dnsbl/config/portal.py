"""[portal]: where it is reached, what it takes, and how it looks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlsplit

from dnsbl.config.dns import PORT_MAX, Endpoint, parse_endpoint
from dnsbl.config.domain import parse_hostname
from dnsbl.config.language import LANGUAGES
from dnsbl.config.logo import Logo, read_logo
from dnsbl.config.toml import Table
from dnsbl.network import Network, parse

ACCENT_DEFAULT: Final = "#0b6b62"
NAME_CHARS_MAX: Final = 60  # as much as a phone shows in two lines

_COLOUR: Final = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True, slots=True)
class LimitsConfig:
    """How many delist requests are accepted in a sliding hour or day."""

    client_per_hour: int
    client_per_day: int
    mailbox_per_hour: int
    mailbox_per_day: int
    domain_per_hour: int
    address_per_day: int


@dataclass(frozen=True, slots=True)
class TextsConfig:
    """The operator's own words, plain text; each may be empty.

    ``translated`` has those of other languages, by the language's tag.
    """

    intro: str
    footer: str
    translated: Mapping[str, TextsConfig] = field(default_factory=dict)

    def said_in(self, language: str) -> TextsConfig:
        """The words for a language: its own, or else those of none in particular."""
        return self.translated.get(language, self)


@dataclass(frozen=True, slots=True)
class PortalConfig:
    """The sidecar. `public_url` has no slash at its end; `contact` and `name` may be empty.

    ``accent`` is "#rrggbb" in lower case.
    """

    listen: Endpoint
    public_url: str
    contact: str
    language: str
    trusted_proxies: tuple[Network, ...]
    confirm_within_s: int
    connections_max: int
    client_connections_max: int
    limits: LimitsConfig
    name: str
    logo: Logo | None
    accent: str
    texts: TextsConfig


def read_portal(table: Table) -> PortalConfig:
    """The table [portal]. Raises ConfigError."""
    listen = table.parsed(
        "listen", "127.0.0.1:8053", "an address with a port, such as 127.0.0.1:8053", parse_endpoint
    )
    portal = PortalConfig(
        listen=listen,
        public_url=table.parsed(
            "public_url",
            f"http://{listen}",
            "the portal's address as senders see it",
            _parse_public_url,
        ),
        contact=table.text("contact", "", "a mailbox or web address for other matters"),
        language=table.choice("language", LANGUAGES[0], LANGUAGES),
        trusted_proxies=table.parsed_each(
            "trusted_proxies", [], "a list of networks whose X-Forwarded-For is believed", parse
        ),
        confirm_within_s=table.whole("confirm_within_s", 86_400, "seconds", 300, 604_800),
        connections_max=table.whole("connections_max", 1024, "connections", 8, 100_000),
        client_connections_max=table.whole(
            "client_connections_max", 128, "connections", 2, 100_000
        ),
        limits=_read_limits(table.table("limits")),
        name=table.text("name", "", "the operator's name", NAME_CHARS_MAX).strip(),
        logo=_read_logo(table),
        accent=table.parsed(
            "accent", ACCENT_DEFAULT, f'a colour such as "{ACCENT_DEFAULT}"', _parse_colour
        ),
        texts=_read_texts(table.table("texts")),
    )
    table.finish()
    return portal


def _read_limits(table: Table) -> LimitsConfig:
    def limit(key: str, default: int) -> int:
        return table.whole(key, default, "requests", 1, 1_000_000)

    limits = LimitsConfig(
        client_per_hour=limit("client_per_hour", 5),
        client_per_day=limit("client_per_day", 20),
        mailbox_per_hour=limit("mailbox_per_hour", 3),
        mailbox_per_day=limit("mailbox_per_day", 5),
        domain_per_hour=limit("domain_per_hour", 20),
        address_per_day=limit("address_per_day", 3),
    )
    table.finish()
    return limits


def _read_texts(table: Table) -> TextsConfig:
    texts = _read_words(table, TextsConfig("", ""))
    inner = {tag: table.table(tag) for tag in LANGUAGES}
    translated = {tag: _read_words(each, texts) for tag, each in inner.items() if each.keys()}
    for each in (table, *inner.values()):
        each.finish()
    return replace(texts, translated=translated)


def _read_words(table: Table, otherwise: TextsConfig) -> TextsConfig:
    return TextsConfig(
        intro=table.text("intro", otherwise.intro, "a text for the first page").strip(),
        footer=table.text("footer", otherwise.footer, "a text for the foot of every page").strip(),
    )


def _read_logo(table: Table) -> Logo | None:
    # Here and not when it is first shown: a picture that cannot be had is a mistake of the
    # configuration, and is reported with its key like any other.
    def parse_logo(text: str) -> Logo | None:
        return read_logo(table.file.parent / text) if text else None

    return table.parsed("logo", "", "an SVG or PNG file", parse_logo)


def _parse_colour(text: str) -> str:
    colour = text.lower()
    if not _COLOUR.fullmatch(colour):
        raise ValueError("it is not # and six hexadecimal digits")
    return colour


def _parse_public_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it does not begin with http:// or https:// and a host")
    if not text.isascii() or any(char in text for char in " {}$<>\"'\\?#@"):
        raise ValueError("it has more than a scheme, a host, a port and a path in plain ASCII")
    if parts.port == 0:  # a port beyond 65535 is a ValueError already
        raise ValueError(f"the port is not from 1 to {PORT_MAX}")
    if not parts.netloc.startswith("["):
        parse_hostname(parts.hostname)
    return text.rstrip("/")
