"""An image of what the zones hold, beside the database: a start need not read ten million rows.

.. code-block:: text

    MAGIC, the radix of each zone as `dnsbl.native.image` writes it, the header (JSON),
    u32 its length, and 16 octets of BLAKE2b over all of that

It is taken in pieces while the zones answer and change. What changes meanwhile
may be in it or not: so the header names two positions of the journal. From the
first on the journal is read again, and a change that is applied twice does no
harm. Up to the second the database must have the very same journal, since what
is in the image may come from there. Each has a fingerprint of its row, by which
a database is told that went another way: another one, an older copy, one that
lost its last commits with the power.

Zones of names are left out. Of those a compiled table has hashes, and counts of
what is below a name that changes in between would make wrong; a million of them
are read from the database in a second or two. Texts of single listings are left
out too, and read from the database.

An image of other zones or categories is told from ours too, and so is one that
is cut off or damaged. In each case the zones are read from the database
instead: an image saves time and decides nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import os
import struct
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from dnsbl.zone.contents import Contents
from dnsbl.zone.twin import AnyRadix

if TYPE_CHECKING:  # not built everywhere
    from dnsbl.native.radix import Radix

MAGIC: Final = b"dnsbl image 2\n"
HEADER_BYTES_MAX: Final = 1 << 20
DIGEST_BYTES: Final = 16
FILE_MODE: Final = 0o660  # as the database

_LENGTH = struct.Struct("=I")

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Mark:
    """A position of a journal, and a fingerprint of the row there."""

    seq: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Stand:
    """What an image stands for.

    Everything of the database up to ``begun`` is in it, and nothing from beyond
    ``ended``. ``latest`` is the latest time, in Unix seconds, at which entries
    were left out because they had expired.
    """

    identity: str
    begun: Mark
    ended: Mark
    latest: float


def kept(radixes: Mapping[str, AnyRadix]) -> dict[str, Radix]:
    """Those whose contents an image keeps: the compiled ones of addresses."""
    from dnsbl.native.radix import Radix  # noqa: PLC0415  # not built everywhere

    return {origin: radix for origin, radix in radixes.items() if isinstance(radix, Radix)}


class Draft:
    """An image that is being written, beside the one that is there; of one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(f".{path.name}.new")
        self._digest = hashlib.blake2b(MAGIC, digest_size=DIGEST_BYTES)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._file = os.fdopen(os.open(self._beside, flags, FILE_MODE), "wb")
        self._file.write(MAGIC)
        self._categories: dict[str, tuple[str, ...]] = {}

    def add(self, radixes: Mapping[str, AnyRadix]) -> None:
        """Writes the zones, which may change meanwhile. Raises OSError."""
        from dnsbl.native.image import pieces  # noqa: PLC0415  # not built everywhere

        for origin, radix in kept(radixes).items():
            self._categories[origin] = radix.categories
            for piece in pieces(radix):
                self._write(piece)

    def finish(self, stand: Stand) -> None:
        """Puts the image in the place of any other. Raises OSError.

        Whoever reads meanwhile, or after a crash, finds the old one or the new one.
        """
        header = json.dumps(_header(stand, self._categories)).encode()
        self._write(header + _LENGTH.pack(len(header)))
        self._file.write(self._digest.digest())
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._beside.replace(self._path)

    def _write(self, octets: bytes) -> None:
        self._digest.update(octets)
        self._file.write(octets)

    def close(self) -> None:
        """Takes away what was not finished."""
        if not self._file.closed:
            with contextlib.suppress(OSError):  # a full disk, which was reported
                self._file.close()
            self._beside.unlink(missing_ok=True)


def _header(stand: Stand, categories: Mapping[str, tuple[str, ...]]) -> dict[str, object]:
    zones = [[origin, list(names)] for origin, names in categories.items()]
    return {**asdict(stand), "byteorder": sys.byteorder, "zones": zones}


class Image:
    """An image that was found at a path, and is whole."""

    def __init__(self, octets: memoryview, stand: Stand) -> None:
        self._octets = octets
        self.stand = stand

    def fill(self, contents: Contents) -> None:
        """Puts what it holds into new contents: all but names, and texts of single listings.

        Raises ValueError, and they are then of no use.
        """
        from dnsbl.native.image import restore  # noqa: PLC0415  # not built everywhere

        at = len(MAGIC)
        for radix in kept(contents.radixes).values():
            at += restore(radix, self._octets[at:])
        if at != len(self._octets):
            raise ValueError("goes on beyond its end")
        contents.latest = self.stand.latest


def find(path: Path, contents: Contents) -> Image | None:
    """The image at a path, of the zones and categories of these contents; None: none of use."""
    try:
        with path.open("rb") as file:
            # Not closed by us: what refers to it may outlive an error, and is gone with it.
            whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        return _opened(whole, contents)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:  # an empty file cannot be mapped
        _log.warning("image_unusable", file=str(path), error=str(error))
        return None


def _opened(octets: memoryview, contents: Contents) -> Image:
    """Raises ValueError, or what a header of another shape leads to."""
    end = len(octets) - DIGEST_BYTES
    if end < len(MAGIC) + _LENGTH.size or bytes(octets[: len(MAGIC)]) != MAGIC:
        raise ValueError("is no image of this version")
    if hashlib.blake2b(octets[:end], digest_size=DIGEST_BYTES).digest() != bytes(octets[end:]):
        raise ValueError("is cut off or damaged")
    end -= _LENGTH.size
    (length,) = _LENGTH.unpack(octets[end : end + _LENGTH.size])
    if length > min(HEADER_BYTES_MAX, end - len(MAGIC)):
        raise ValueError("has no whole header")
    header = json.loads(bytes(octets[end - length : end]))
    marks = (Mark(**header["begun"]), Mark(**header["ended"]))
    stand = Stand(header["identity"], *marks, header["latest"])
    categories = {origin: radix.categories for origin, radix in kept(contents.radixes).items()}
    if header != json.loads(json.dumps(_header(stand, categories))):
        raise ValueError("is of other zones or categories, or of another machine")
    return Image(octets[: end - length], stand)
