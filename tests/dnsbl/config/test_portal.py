"""[portal]: the operator's name, colour, picture and words; mistakes in them are reported."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from house import House

from dnsbl.config import ConfigError, PortalConfig
from dnsbl.config.logo import LOGO_BYTES_MAX, Logo, LogoError, read_logo

GUIDE = Path(__file__).parents[3] / "docs" / "portal.md"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8">{}</svg>'
DRAWING = SVG.format('<rect id="a" width="8" height="8" style="fill:url(#g)"/><use href="#a"/>')
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(17)


@pytest.fixture
def read(house: House) -> Callable[[str], PortalConfig]:
    """[portal] of a configuration with such lines in it."""

    def read(lines: str) -> PortalConfig:
        house.file.write_text(f"[portal]\n{lines}\n")
        return house.config.portal

    return read


def test_a_portal_of_nobody_in_particular(read: Callable[[str], PortalConfig]) -> None:
    """Without keys: no name, no picture, no words, and the colour of the house."""
    portal = read("")

    assert (portal.name, portal.logo, portal.accent) == ("", None, "#0b6b62")
    assert (portal.texts.intro, portal.texts.footer) == ("", "")


def test_what_is_written_is_read(house: House, read: Callable[[str], PortalConfig]) -> None:
    """A name, a picture beside the file, a colour in either case, words without space around."""
    (house.folder / "logo.svg").write_text(DRAWING)

    portal = read(
        'name = "  Läufer & Söhne "\nlogo = "logo.svg"\naccent = "#A0B1C2"\n'
        'texts = { intro = " Welcome. ", footer = "VAT 1" }'
    )

    assert portal.name == "Läufer & Söhne"
    assert portal.logo == Logo("svg", DRAWING.encode())
    assert portal.accent == "#a0b1c2"
    assert (portal.texts.intro, portal.texts.footer) == ("Welcome.", "VAT 1")


def test_words_may_be_of_a_language(read: Callable[[str], PortalConfig]) -> None:
    """What a language leaves out is taken from the texts of no language in particular."""
    texts = read(
        'texts = { intro = "Hello.", footer = "Ltd", de = { intro = " Hallo. " }, it = {} }'
    ).texts

    assert (texts.said_in("de").intro, texts.said_in("de").footer) == ("Hallo.", "Ltd")
    assert texts.said_in("it") is texts.said_in("en") is texts


def test_the_example_of_the_guide_is_read(house: House) -> None:
    """docs/portal.md, as it stands there."""
    (example,) = re.findall(r"^```toml\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    (house.folder / "logo.svg").write_text(DRAWING)
    house.file.write_text(example)
    portal = house.config.portal

    assert portal.name == "Northwind Mail Safety"
    assert portal.logo is not None
    assert portal.texts.said_in("de").intro == "Northwind führt diese Liste für seine Kunden."


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (f'name = "{"a" * 61}"', "portal.name: expected the operator's name of at most 60"),
        ('name = "a\\nb"', "portal.name: expected the operator's name of at most 60"),
        ('accent = "teal"', "portal.accent: expected a colour such as \"#0b6b62\", got 'teal':"),
        ('accent = "#fff"', "it is not # and six hexadecimal digits"),
        ('accent = "#00000g"', "it is not # and six hexadecimal digits"),
        ('accent = "#000000;}"', "it is not # and six hexadecimal digits"),
        (f'texts.intro = "{"a" * 1001}"', "portal.texts.intro: expected a text for the first"),
        ('texts.foot = "a"', "portal.texts.foot: is not a known key; did you mean portal.texts.f"),
        ("texts.pt.intro = 'Olá'", "portal.texts.pt: is not a known key; "),
        ("texts.de = 'Hallo'", "portal.texts.de: expected a table [portal.texts.de], got 'Hallo'"),
        ("texts.de.x = 1", "portal.texts.de.x: is not a known key; known here: intro, footer"),
        ("texts = 1", "portal.texts: expected a table [portal.texts], got 1"),
        ('logo = "none.svg"', "expected an SVG or PNG file, got 'none.svg': it cannot be read: No"),
        ('logo = "zones"', "it cannot be read: Is a directory"),
        ('logo = "dnsbl.toml"', "it is neither PNG nor well-formed SVG"),
    ],
)  # fmt: skip
def test_a_mistake_is_reported(read: Callable[[str], PortalConfig], lines: str, said: str) -> None:
    """With its key, what was expected and why it is not that."""
    with pytest.raises(ConfigError) as refused:
        read(lines)

    assert said in str(refused.value)


@pytest.mark.parametrize(
    "octets",
    [
        DRAWING.encode(),
        PNG,
        SVG.format('<image href="data:image/png;base64,aaaa"/>').encode(),
        SVG.format("<style>.a{fill:url( '#g')}</style>").encode("utf-16"),
        DRAWING.encode().ljust(LOGO_BYTES_MAX),
    ],
)
def test_a_picture_is_taken(house: House, octets: bytes) -> None:
    """A drawing that refers to itself, or holds a picture; at most 64 KiB."""
    file = house.folder / "logo"
    file.write_bytes(octets)

    assert read_logo(file).octets == octets


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"", "it is neither PNG nor well-formed SVG"),
        (b"GIF89a", "it is neither PNG nor well-formed SVG"),
        (b"<html/>", "it is neither SVG nor PNG"),
        (b"<svg/>", "it is neither SVG nor PNG"),  # of no namespace: browsers show nothing
        (DRAWING.encode()[:-1], "it is neither PNG nor well-formed SVG"),
        (DRAWING.encode().ljust(LOGO_BYTES_MAX + 1), "it is larger than 65536 bytes"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + DRAWING.encode(), "declares a document type"),
        (b'<?xml-stylesheet href="a.css"?>' + DRAWING.encode(), "has a processing instruction"),
        (SVG.format("<script/>").encode(), "an element <script>"),
        (SVG.format('<x:SCRIPT xmlns:x="http://www.w3.org/2000/svg"/>').encode(), "<SCRIPT>"),
        (SVG.format("<foreignObject/>").encode(), "an element <foreignObject>"),
        (SVG.format('<a onclick="x()"/>').encode(), "a program in an attribute onclick"),
        (SVG.format('<a href="javascript:x()"/>').encode(), "its href leads out of the file"),
        (SVG.format('<a xmlns:l="http://www.w3.org/1999/xlink" l:href="//a.example/"/>').encode(),
         "its href leads out of the file"),
        (SVG.format('<image href="data:image/svg+xml;base64,aaaa"/>').encode(), "its href leads"),
        (SVG.format('<rect fill="url(https://a.example/)"/>').encode(), "its fill fetches"),
        (SVG.format("<style>@import 'a.css'</style>").encode(), "its style sheet fetches"),
        (SVG.format("<style>@im<!-- -->port 'a.css'</style>").encode(), "style sheet fetches"),
        (SVG.format(f"<style>{' ' * 8188}@import 'a.css'</style>").encode(), "style sheet fetches"),
        (SVG.format("<style>@\\69mport 'a.css'</style>").encode(), "its style sheet fetches"),
        (SVG.format("<style>@im<b/>port 'a.css'</style>").encode(), "holds an element <b>"),
        (SVG.format("<style>a{fill:image-set('a.png' 1x)}</style>").encode(), "sheet fetches"),
        (SVG.format('<set attributeName="xlink:href" to="javascript:x()"/>').encode(),
         "a link that changes"),
    ],
)  # fmt: skip
def test_more_than_a_picture_is_refused(house: House, octets: bytes, said: str) -> None:
    """Programs, what would be fetched from elsewhere, what is too large, what is no picture."""
    file = house.folder / "logo"
    file.write_bytes(octets)

    with pytest.raises(LogoError, match=said):
        read_logo(file)
