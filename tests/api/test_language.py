"""A language: how it says sentences, and writes times, spans and numbers."""

from __future__ import annotations

import pytest

from api.language import Moment, Sentence, SentenceError, Span, language, languages
from dnsbl.config.language import LANGUAGES

DAY_S = 86_400
AT = 1_800_000_000  # Unix seconds


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "1 second"),
        (1, "1 second"),
        (60, "1 minute"),
        (90, "1 minute and 30 seconds"),
        (300, "5 minutes"),
        (3600, "1 hour"),
        (3661, "1 hour and 1 minute"),
        (7 * DAY_S, "7 days"),
        (DAY_S + 61, "1 day"),
    ],
)
def test_a_span_is_told_in_its_largest_units(seconds: int, words: str) -> None:
    """Two units at most, neighbours, none of them zero."""
    assert language("en").span(seconds) == words


@pytest.mark.parametrize(
    ("tag", "moment", "span", "number", "items"),
    [
        ("en", "15 January 2027, 08:00 UTC", "1 hour and 5 minutes", "1,234,567", "a, b and c"),
        ("de", "15. Januar 2027, 08:00 Uhr UTC", "1 Stunde und 5 Minuten", "1.234.567",
         "a, b und c"),
        ("es", "15 de enero de 2027, 8:00 UTC", "1 hora y 5 minutos", "1.234.567", "a, b y c"),
        ("fr", "15 janvier 2027, 08:00 UTC",
         "1\N{NO-BREAK SPACE}heure et 5 minutes",
         "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567", "a, b et c"),
        ("it", "venerdì 15 gennaio 2027, 08:00 UTC", "1 ora e 5 minuti", "1.234.567", "a, b e c"),
    ],
)  # fmt: skip
def test_each_language_writes_values_in_its_own_way(
    tag: str, moment: str, span: str, number: str, items: str
) -> None:
    """Times in UTC, and saying so; spans, numbers and enumerations."""
    spoken = language(tag)

    assert spoken.moment(AT) == moment
    assert spoken.span(3900) == span
    assert spoken.number(1_234_567) == number
    assert spoken.enumeration(["a", "b", "c"]) == items


def test_a_sentence_is_said_with_its_values_in_the_language() -> None:
    """Numbers, times, spans and sentences within it become words of that language."""
    sentence = Sentence(
        "%(count)s; %(at)s; %(span)s; %(text)s; %(inner)s",
        count=1000,
        at=Moment(AT),
        span=Span(60),
        text="100 %",
        inner=Sentence("Removed."),
    )

    assert language("it").say(sentence) == (
        "1.000; venerdì 15 gennaio 2027, 08:00 UTC; 1 minuto; 100 %; Rimosso."
    )


def test_an_error_reads_as_english_in_the_log() -> None:
    """`str` of an error with a sentence is its English text; equal sentences are equal."""
    error = SentenceError(Sentence("%(text)s is wrong", text="x"))

    assert str(error) == "x is wrong"
    assert error.sentence == Sentence("%(text)s is wrong", text="x")


def test_each_language_bears_its_own_name() -> None:
    """As its speakers look for it in the switch of a page."""
    assert [(each.tag, each.name) for each in languages()] == [
        ("en", "English"),
        ("de", "Deutsch"),
        ("es", "Español"),
        ("fr", "Français"),
        ("it", "Italiano"),
    ]


def test_only_the_languages_that_there_are_can_be_had() -> None:
    """A tag from outside is checked before; here it is a mistake of ours."""
    assert "xx" not in LANGUAGES
    with pytest.raises(ValueError, match="xx is none of en, de"):
        language("xx")
