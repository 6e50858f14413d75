"""Catalogues of translations, read straight from the .po files: nothing is built, nothing stale.

A catalogue is ``locale/<tag>/LC_MESSAGES/portal.po``. English has none: what the
sources say is English. ``extraction`` keeps them in step with the sources.
"""

from __future__ import annotations

import gettext
import io
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

LOCALE_FOLDER: Final = Path(__file__).parent / "locale"


def catalogue_file(tag: str) -> Path:
    """Where the catalogue of a language is, or would be."""
    return LOCALE_FOLDER / tag / "LC_MESSAGES" / "portal.po"


def read(tag: str) -> Catalog:
    """The catalogue of a language, its fuzzy translations included. Raises OSError without one."""
    with catalogue_file(tag).open("rb") as file:
        return read_po(file, locale=tag)


def translations(tag: str) -> gettext.NullTranslations:
    """What translates into a language; into English, where there is no catalogue, nothing."""
    if not catalogue_file(tag).exists():
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, read(tag))
    compiled.seek(0)
    return Translations(compiled, domain="portal")
