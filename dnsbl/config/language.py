"""The languages of the portal, by their tags (BCP 47), in the order in which it offers them."""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = ("en", "de", "es", "fr", "it")  # each but English has a catalogue, api/locale
