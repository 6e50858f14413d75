"""The domain-name value: what a listing, an exclusion and a question name in a list of names.

A name is a domain and how much of it is meant. Its canonical text is the one
that the database holds: ``example.com`` is that name alone, ``*.example.com``
any name below it, however deep (RFC 5782 §3), ``.example.com`` the name and
any below it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from dnsbl.errors import DnsblError

Scope = Literal["exact", "below", "all"]

LABEL_CHARS_MAX = 63  # RFC 1035 §2.3.4
DOMAIN_CHARS_MAX = 253  # RFC 1035 §2.3.4: 255 octets on the wire, with a length before each label
NAME_TEXT_CHARS_MAX = DOMAIN_CHARS_MAX + 2  # with "*." before it

_PREFIX: Final[dict[Scope, str]] = {"exact": "", "below": "*.", "all": "."}
_SPECIFICITY: Final[dict[Scope, int]] = {"exact": 3, "below": 2, "all": 1}

# Hyphens may stand anywhere and underscores too: what is listed was seen on the network, whether
# or not a registry would have sold it. RFC 1123 §2.1: what ends in a number is an address.
_DOMAIN = re.compile(
    r"(?:[a-z0-9_-]{1,63}\.)*(?![0-9]+\.?\Z)[a-z0-9_-]{1,63}\.?", re.ASCII | re.IGNORECASE
)
_LABEL = re.compile(rf"[a-z0-9_-]{{1,{LABEL_CHARS_MAX}}}", re.ASCII)


class DomainNameError(DnsblError):
    """A text that is not a domain name, or not one that can be listed."""


@dataclass(frozen=True, slots=True)
class Name:
    """A domain in lower case without the last dot, and which names of it are meant.

    ``scope`` is ``exact`` (the domain alone), ``below`` (any name below it) or
    ``all`` (both).
    """

    domain: str
    scope: Scope

    def __str__(self) -> str:
        """Canonical text: ``example.com``, ``*.example.com`` or ``.example.com``."""
        return _PREFIX[self.scope] + self.domain

    @property
    def text(self) -> str:
        """How a person would write it, which is the canonical text."""
        return str(self)

    @property
    def is_exact(self) -> bool:
        """Whether this is one name rather than a domain with what lies below it."""
        return self.scope == "exact"

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the domain, the leftmost first."""
        return tuple(self.domain.split("."))

    @property
    def length(self) -> int:
        """How specific it is: of all that cover one name, the longest decides."""
        return 4 * (self.domain.count(".") + 1) + _SPECIFICITY[self.scope]

    def covers(self, other: Name) -> bool:
        """Whether every name that the other one means is meant by this one too."""
        if self.domain == other.domain:
            return self.scope in ("all", other.scope)
        return self.scope != "exact" and other.domain.endswith(f".{self.domain}")

    def covering(self) -> list[Name]:
        """This name and all that cover it, the most specific first (254 at most)."""
        found: list[Name] = [self] if self.scope != "all" else []
        found.append(Name(self.domain, "all"))
        rest = self.domain.partition(".")[2]
        while rest:
            found += (Name(rest, "below"), Name(rest, "all"))
            rest = rest.partition(".")[2]
        return found


def parse_name(text: str) -> Name:
    """A name as a person or a feed writes it: any case, with or without its last dot.

    Raises DomainNameError with a sentence for that person: no ASCII, a label
    too long or of other characters, too long a name, an address, and the whole
    of the DNS ("." and "*."; RFC 5782 §7 has the like of addresses).
    """
    if len(text) > NAME_TEXT_CHARS_MAX + 1:
        raise DomainNameError(
            f"{text[:40]!r}… is too long for a domain name, which has {DOMAIN_CHARS_MAX} "
            "characters at most"
        )
    scope: Scope = "exact"
    domain = text
    if text.startswith("*."):
        scope, domain = "below", text[2:]
    elif text.startswith("."):
        scope, domain = "all", text[1:]
    if not _DOMAIN.fullmatch(domain):
        raise DomainNameError(f"{text!r} is not a domain name: {_fault(text, domain)}")
    domain = domain.removesuffix(".").lower()
    if len(domain) > DOMAIN_CHARS_MAX:
        raise DomainNameError(
            f"{text[:40]!r}… is too long for a domain name, which has {DOMAIN_CHARS_MAX} "
            "characters at most"
        )
    return Name(domain, scope)


def parse_canonical_name(text: str) -> Name:
    """A name from the database, which holds canonical text only.

    Raises DomainNameError where the text is another spelling, so that one name
    cannot stand in two rows.
    """
    name = parse_name(text)
    if str(name) != text:
        raise DomainNameError(f"{text!r} is not in canonical form; write {name}")
    return name


def _fault(text: str, domain: str) -> str:
    """Why it is none. The domain has no prefix any more."""
    if not text.isascii():
        return "it is not in ASCII; write an international name in its xn-- form"
    if domain in ("", ".") or text == "*":
        return "it would be every name there is"
    labels = domain.removesuffix(".").split(".")
    for label in labels:
        if not _LABEL.fullmatch(label.lower()):
            return (
                f"the label {label!r} is not 1 to {LABEL_CHARS_MAX} letters, digits, hyphens or "
                "underscores"
            )
    return "it ends in a number, as addresses do"
