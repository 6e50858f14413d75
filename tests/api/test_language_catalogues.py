"""Catalogues are whole: every text that a person is shown has its translation, and it fits."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import jinja2
import pytest
from babel.messages.catalog import Catalog, Message
from jinja2 import nodes

from api.catalogue import LOCALE_FOLDER, read
from api.extraction import extract
from api.pages import TEMPLATE_FOLDER
from dnsbl.config.language import LANGUAGES

TRANSLATED = [tag for tag in LANGUAGES if tag != "en"]
PLACE = re.compile(r"%\(\w+\)s|%%|%")
TAG = re.compile(r"<[^>]*>")
ATTRIBUTE = re.compile(r"[\w-]+=\"[^\"]*\"")
COMMAND = re.compile(r"<code>dnsbl [^<]*</code>")  # the same in every language
RENEW = "run `make messages`, and translate what it adds"


def keys(catalogue: Catalog) -> set[tuple[str, ...]]:
    """What is to be translated."""
    return {texts(message.id) for message in catalogue if message.id}


def texts(text: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    """One text, or the forms of a plural."""
    return tuple(text) if isinstance(text, list | tuple) else (text or "",)


def messages(tag: str) -> Iterator[Message]:
    """The entries of a catalogue, but for its head."""
    return (message for message in read(tag) if message.id)


def test_there_is_a_catalogue_for_each_language() -> None:
    """The languages that may be configured are those that are translated, and English."""
    assert sorted(folder.name for folder in LOCALE_FOLDER.iterdir()) == sorted(TRANSLATED)


@pytest.mark.parametrize("tag", TRANSLATED)
def test_catalogues_hold_what_the_sources_say(tag: str) -> None:
    """Each text of templates and modules, and none that nobody says any more."""
    assert keys(read(tag)) == keys(extract()), RENEW


@pytest.mark.parametrize("tag", TRANSLATED)
def test_nothing_is_left_untranslated(tag: str) -> None:
    """No translation is empty, and none is a guess that nobody has looked at."""
    unfinished = [
        message.id for message in messages(tag) if message.fuzzy or not all(texts(message.string))
    ]

    assert unfinished == []


@pytest.mark.parametrize("tag", TRANSLATED)
def test_places_and_markup_agree(tag: str) -> None:
    """A translation has the places for values and the elements that its text has."""
    unlike = [
        (wanted, string)
        for message in messages(tag)
        for wanted, string in zip(texts(message.id), texts(message.string), strict=True)
        if Counter(PLACE.findall(wanted)) != Counter(PLACE.findall(string))
        or Counter(TAG.findall(wanted)) != Counter(TAG.findall(string))
    ]

    assert unlike == []


@pytest.mark.parametrize("tag", TRANSLATED)
def test_a_translation_ends_as_its_text_does(tag: str) -> None:
    """A sentence stays a sentence, and a label a label; no blanks crept in."""
    ends = (".", ":", "?", "…")
    unlike = [
        (wanted, string)
        for message in messages(tag)
        for wanted, string in zip(texts(message.id), texts(message.string), strict=True)
        if string != string.strip()
        or "  " in string
        or any(wanted.endswith(end) != string.endswith(end) for end in ends)
    ]

    assert unlike == []


def test_french_signs_stay_with_their_words() -> None:
    """No line begins with a colon, or ends with an opening quotation mark."""
    apart = [
        string
        for message in messages("fr")
        for string in texts(message.string)
        if re.search(r" [:;?!»]|« ", string)
    ]

    assert apart == []


def test_templates_say_nothing_that_is_not_translated() -> None:
    """All words of a template stand in a `trans` block or in a call of `_`."""
    environment = jinja2.Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    untranslated = {}
    for file in sorted(TEMPLATE_FOLDER.iterdir()):
        tree = environment.parse(file.read_text())
        data = "\N{SYMBOL FOR NULL}".join(node.data for node in tree.find_all(nodes.TemplateData))
        if words := re.findall(
            r"[^\W\d_]{2,}", TAG.sub(" ", COMMAND.sub(" ", ATTRIBUTE.sub(" ", data)))
        ):
            untranslated[file.name] = words

    assert untranslated == {}
