"""`python -m api.extraction`: brings the catalogues into step with the sources.

Finds what templates and Python files say to people, adds to each catalogue what
is new, without a translation yet, and takes out what nobody says any more. A
test fails until every text has its translation.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

from api.catalogue import catalogue_file, read
from api.language import ENGLISH
from dnsbl.config.language import LANGUAGES

_SOURCES: Final = Path(__file__).parent
_LINE_CHARS_MAX: Final = 100
_METHODS: Final = [("**.py", "python"), ("templates/**", "jinja2")]
_OPTIONS: Final = {
    "templates/**": {
        "trimmed": "true",
        "newstyle_gettext": "true",
        "trim_blocks": "true",
        "lstrip_blocks": "true",
        "silent": "false",
    }
}
# Functions whose texts are translated, with which of their arguments is the text.
_KEYWORDS: Final = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "Sentence": None,
    "msgid": None,
}


def extract() -> Catalog:
    """All that the sources say to people, without translations."""
    template = Catalog(fuzzy=False)
    found = extract_from_dir(_SOURCES, _METHODS, _OPTIONS, _KEYWORDS, ("Translators:",))
    for file, _, message, comments, context in sorted(found, key=lambda each: each[:2]):
        template.add(message, locations=[(f"api/{file}", 0)], auto_comments=comments,
                     context=context)  # fmt: skip
    return template


def update(tag: str, template: Catalog) -> int:
    """Brings one catalogue into step with the sources; how many texts it has no translation of."""
    catalogue = read(tag) if catalogue_file(tag).exists() else _new(tag)
    catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
    catalogue.obsolete.clear()
    file = catalogue_file(tag)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as stream:
        write_po(
            stream, catalogue, width=_LINE_CHARS_MAX, include_lineno=False, ignore_obsolete=True
        )
    return sum(not all(_strings(message.string)) for message in catalogue if message.id)


def _new(tag: str) -> Catalog:
    return Catalog(
        locale=tag,
        project="dnsbl",
        version="portal",
        msgid_bugs_address="CONTRIBUTING.md",
        last_translator="contributors of dnsbl",
        language_team=tag,
        header_comment="# Texts of the delist portal. CONTRIBUTING.md says how they are kept.",
        fuzzy=False,
    )


def _strings(string: str | list[str] | tuple[str, ...] | None) -> list[str]:
    return list(string) if isinstance(string, list | tuple) else [string or ""]


def main() -> int:
    """Updates all catalogues, and says how many translations are missing; 0 where none is."""
    template = extract()
    missing = 0
    for tag in LANGUAGES:
        if tag == ENGLISH:
            continue
        count = update(tag, template)
        missing += count
        sys.stdout.write(f"{tag}: {len(template)} texts, {count} without a translation\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
