"""A language of the portal: its sentences, and how it writes times, spans and numbers.

English is what the sources are written in; each other language has a catalogue
(``catalogue``). What is to be said is carried as a `Sentence` to where a page or
a mail is made, and only there becomes text: `Language.say`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from babel import Locale
from babel.dates import format_date, format_time
from babel.lists import format_list
from babel.numbers import format_decimal
from babel.units import format_unit

from api import catalogue
from dnsbl.config.language import LANGUAGES
from dnsbl.errors import DnsblError

ENGLISH: Final = "en"

# Days before months, and 24 hours in a day, in English too: the times are UTC.
_LOCALES: Final = {ENGLISH: "en_GB"}
# Before a bare number Italian wants an article, which may be elided ("l'8", "il 9"): a weekday
# before the date needs none, whatever the sentence.
_MOMENT_DATES: Final = {"it": "full"}
_SPANS: Final = (
    (86_400, "duration-day"),
    (3600, "duration-hour"),
    (60, "duration-minute"),
    (1, "duration-second"),
)
_SPAN_UNITS_MAX: Final = 2  # finer would be noise


@dataclass(frozen=True, slots=True)
class Moment:
    """A time in Unix seconds, as a value of a sentence."""

    at: int


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time in seconds, as a value of a sentence."""

    seconds: int


@dataclass(frozen=True, slots=True, init=False)
class Sentence:
    """What is to be said, in no language yet: an English text with places for its values.

    >>> Sentence("%(text)s is not an IP address.", text="x")

    The text stands in the call as it is, so that it gets into the catalogues.
    """

    msgid: str
    values: tuple[tuple[str, str | int | Moment | Span | Sentence], ...]

    def __init__(self, msgid: str, /, **values: str | int | Moment | Span | Sentence) -> None:
        object.__setattr__(self, "msgid", msgid)
        object.__setattr__(self, "values", tuple(values.items()))

    def __str__(self) -> str:
        """In English, for the log."""
        return language(ENGLISH).say(self)


class SentenceError(DnsblError):
    """An error that a visitor is told: `sentence` says what to do."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence


def msgid(text: str) -> str:
    """Marks a text for the catalogues, where `Language.gettext` is given it elsewhere."""
    return text


class Language:
    """One language. `tag` is as in HTML (BCP 47), `name` what its speakers call it."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self._locale = Locale.parse(_LOCALES.get(tag, tag))
        self.name = (Locale.parse(tag).get_language_name() or tag).capitalize()
        translations = catalogue.translations(tag)
        self.gettext: Callable[[str], str] = translations.gettext
        self.ngettext: Callable[[str, str, int], str] = translations.ngettext
        self.moment = functools.lru_cache(1024)(self._moment)
        self.span = functools.lru_cache(1024)(self._span)

    def say(self, sentence: Sentence) -> str:
        """A sentence as text, its values written as this language writes them."""
        text = self.gettext(sentence.msgid)
        return text % {name: self._value(value) for name, value in sentence.values}

    def _value(self, value: str | int | Moment | Span | Sentence) -> str:
        match value:
            case Moment(at):
                return self.moment(at)
            case Span(seconds):
                return self.span(seconds)
            case Sentence():
                return self.say(value)
            case int():
                return self.number(value)
        return value

    def _moment(self, at: int) -> str:
        """A time in Unix seconds as people write it, in UTC: "15 January 2027, 08:00 UTC"."""
        moment = datetime.fromtimestamp(at, UTC)
        date = format_date(moment, _MOMENT_DATES.get(self.tag, "long"), locale=self._locale)
        time = format_time(moment, "short", locale=self._locale)
        return self.gettext("%(date)s, %(time)s UTC") % {"date": date, "time": time}

    def day(self, at: int) -> str:
        """The day of a time in Unix seconds, in UTC: "15 January 2027"."""
        return format_date(datetime.fromtimestamp(at, UTC), "long", locale=self._locale)

    def short_day(self, at: int) -> str:
        """The same where there is little room: "15 Jan 2027"."""
        return format_date(datetime.fromtimestamp(at, UTC), "medium", locale=self._locale)

    def _span(self, seconds: int) -> str:
        """A length of time in its largest units: "7 days", "1 hour and 5 minutes"."""
        words: list[str] = []
        rest = max(1, seconds)
        for unit_s, unit in _SPANS:
            count, rest = divmod(rest, unit_s)
            if count:
                words.append(format_unit(count, unit, "long", locale=self._locale))
            if len(words) == _SPAN_UNITS_MAX or (words and not count):
                break
        return self.enumeration(words)

    def number(self, number: int) -> str:
        """A whole number with this language's separators: "1,000,000"."""
        return format_decimal(number, locale=self._locale)

    def enumeration(self, items: Sequence[str]) -> str:
        """Items as a sentence names them: "a, b and c"."""
        return format_list(items, locale=self._locale)


@functools.cache
def language(tag: str) -> Language:
    """The language of a tag, one of `LANGUAGES`; its catalogue is read once."""
    if tag not in LANGUAGES:
        raise ValueError(f"{tag} is none of {', '.join(LANGUAGES)}")
    return Language(tag)


def languages() -> list[Language]:
    """All of them, in the order in which a page offers them."""
    return [language(tag) for tag in LANGUAGES]
