"""The operator's picture in the head of every page: what may be one, checked before it is shown.

It is served from the portal's own address, so a drawing that brings a program,
or fetches anything, is refused, though browsers would not run it in a picture.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from dnsbl.errors import DnsblError

LOGO_BYTES_MAX: Final = 65_536  # it comes before a page on a phone is whole

LogoKind = Literal["svg", "png"]

_PNG_BEGIN: Final = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"  # W3C PNG §5.2, §11.2.2
_SVG_NAMESPACE: Final = "http://www.w3.org/2000/svg"
# Elements that run, fetch or hold what is not a drawing.
_ELEMENTS_REFUSED: Final = frozenset(
    {"script", "foreignobject", "iframe", "embed", "object", "audio", "video", "handler"}
)
_LINK: Final = re.compile(r"#[^\s]*|data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]*")
# An escape could spell any of the others.
_STYLE_LINK: Final = re.compile(r"@import|image-set\(|\\|url\(\s*+[\"']?+(?!#)", re.IGNORECASE)


class LogoError(DnsblError):
    """A file that is no picture to be shown."""


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture, whole."""

    kind: LogoKind
    octets: bytes = field(repr=False)


def read_logo(file: Path) -> Logo:
    """The picture of a file. Raises LogoError with the reason, without the file's name."""
    try:
        with file.open("rb") as stream:
            octets = stream.read(LOGO_BYTES_MAX + 1)
    except OSError as error:
        raise LogoError(f"it cannot be read: {error.strerror}") from None
    if len(octets) > LOGO_BYTES_MAX:
        raise LogoError(f"it is larger than {LOGO_BYTES_MAX} bytes")
    if octets.startswith(_PNG_BEGIN):
        return Logo("png", octets)
    _check_drawing(octets)
    return Logo("svg", octets)


def _check_drawing(octets: bytes) -> None:
    """Raises LogoError for what is not SVG, or more than a drawing."""
    # Expat fetches nothing, and without a document type there are no entities to multiply.
    from xml.parsers import expat  # noqa: PLC0415  # the DNS process has no use for it

    parser = expat.ParserCreate(namespace_separator=" ")
    drawing = _Drawing()
    parser.StartElementHandler = drawing.started
    parser.EndElementHandler = drawing.ended
    parser.CharacterDataHandler = drawing.text
    parser.StartDoctypeDeclHandler = drawing.doctype
    parser.ProcessingInstructionHandler = drawing.instruction
    parser.buffer_text = True
    parser.buffer_size = LOGO_BYTES_MAX  # so that a style sheet comes in one piece
    try:
        parser.Parse(octets, True)  # noqa: FBT003  # positional only
    except expat.ExpatError as error:
        raise LogoError(f"it is neither PNG nor well-formed SVG: {error}") from None


class _Drawing:
    """What a drawing is made of, as expat comes to it. Each raises LogoError."""

    def __init__(self) -> None:
        self._begun = False
        self._in_style = False

    def started(self, name: str, attributes: dict[str, str]) -> None:
        """The begin of an element."""
        namespace, _, tag = name.rpartition(" ")
        if not self._begun and (namespace, tag) != (_SVG_NAMESPACE, "svg"):
            raise LogoError("it is neither SVG nor PNG")
        if tag.lower() in _ELEMENTS_REFUSED:
            raise LogoError(f"it has an element <{tag}>, which a picture must not")
        if self._in_style:  # browsers join the text around it
            raise LogoError(f"its style sheet holds an element <{tag}>")
        for attribute, value in attributes.items():
            _check_attribute(attribute.rpartition(" ")[2].lower(), value)
        self._begun = True
        self._in_style = tag.lower() == "style"

    def ended(self, _: str) -> None:
        """The end of one."""
        self._in_style = False

    def text(self, data: str) -> None:
        """What stands between."""
        if self._in_style and _STYLE_LINK.search(data):
            raise LogoError("its style sheet fetches something")

    def doctype(self, *_: object) -> None:
        """A document type, whose entities could grow without end."""
        raise LogoError("it declares a document type; save it as plain SVG")

    def instruction(self, *_: object) -> None:
        """A processing instruction, such as one that names a style sheet."""
        raise LogoError("it has a processing instruction; save it as plain SVG")


def _check_attribute(name: str, value: str) -> None:
    if name.startswith("on"):
        raise LogoError(f"it has a program in an attribute {name}")
    if name in ("href", "src") and not _LINK.fullmatch(value.strip()):
        raise LogoError(f"its {name} leads out of the file")
    if name == "attributename" and value.strip().lower().rpartition(":")[2] in ("href", "src"):
        raise LogoError("it has a link that changes by itself")
    if _STYLE_LINK.search(value):
        raise LogoError(f"its {name} fetches something")
