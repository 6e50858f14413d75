"""An image of what the zones hold, beside the database: a start need not read ten million rows.

.. code-block:: text

    MAGIC, u32 length of the header, the header (JSON), the radix of each zone as
    `dnsbl.native.image` writes it, and 16 octets of BLAKE2b over all of that

The header names the database and the position of its journal that the image
stands for, with a fingerprint of the row there. So an image of another
database, of a copy that went another way, or of other zones and categories is
told from ours; so is one that is cut off or damaged. In each case the zones are
read from the database instead: an image saves time and decides nothing.

It is taken in pieces while the zones answer and change. What changes meanwhile
may be in it or not: the journal is read again from the position at which it was
begun, and a change that is applied twice does no harm.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import struct
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import structlog

from dnsbl.zone.contents import Contents
from dnsbl.zone.twin import AnyRadix

MAGIC: Final = b"dnsbl image 1\n"
HEADER_BYTES_MAX: Final = 1 << 20
DIGEST_BYTES: Final = 16
FILE_MODE: Final = 0o660  # as the database

_LENGTH = struct.Struct("=I")

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Stand:
    """What an image stands for: a database, and a position of its journal."""

    identity: str
    seq: int
    fingerprint: str


def write(path: Path, stand: Stand, radixes: Mapping[str, AnyRadix]) -> None:
    """Writes the image of the zones, in the place of any other. Raises OSError.

    Whoever reads meanwhile, or after a crash, finds the old one or the new one.
    """
    beside = path.with_name(f".{path.name}.new")
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    with open(descriptor, "wb") as file:  # noqa: PTH123  # a descriptor, for its mode
        for octets in _octets(stand, radixes):
            digest.update(octets)
            file.write(octets)
        file.write(digest.digest())
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _octets(stand: Stand, radixes: Mapping[str, AnyRadix]) -> Iterator[bytes]:
    from dnsbl.native.image import pieces  # noqa: PLC0415  # not built everywhere

    categories = {origin: radix.categories for origin, radix in radixes.items()}
    header = json.dumps(_header(stand, categories)).encode()
    yield MAGIC + _LENGTH.pack(len(header)) + header
    for radix in radixes.values():
        yield from pieces(radix)


def _header(stand: Stand, categories: Mapping[str, tuple[str, ...]]) -> dict[str, object]:
    zones = [[origin, list(names)] for origin, names in categories.items()]
    return {**asdict(stand), "byteorder": sys.byteorder, "zones": zones}


def read(path: Path, contents: Contents) -> Stand | None:
    """Fills new contents with the image, and says what it stands for; None: there is none of use.

    The contents are then of no use either.
    """
    try:
        with path.open("rb") as file:
            # Not closed by us: what refers to it may outlive an error, and is gone with it.
            whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return _read(memoryview(whole), contents)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:  # an empty file cannot be mapped
        _log.warning("image_unusable", file=str(path), error=str(error))
        return None


def _read(octets: memoryview, contents: Contents) -> Stand:
    """Raises ValueError, of which DamagedError is one, with what is wrong."""
    from dnsbl.native.image import restore  # noqa: PLC0415  # not built everywhere

    begun = len(MAGIC) + _LENGTH.size
    if len(octets) < begun + DIGEST_BYTES or bytes(octets[: len(MAGIC)]) != MAGIC:
        raise ValueError("is no image of this version")
    end = len(octets) - DIGEST_BYTES
    if hashlib.blake2b(octets[:end], digest_size=DIGEST_BYTES).digest() != bytes(octets[end:]):
        raise ValueError("is cut off or damaged")
    (length,) = _LENGTH.unpack(octets[len(MAGIC) : begun])
    if length > min(HEADER_BYTES_MAX, end - begun):
        raise ValueError("has no whole header")
    at = begun + length
    header = json.loads(bytes(octets[begun:at]))
    stand = Stand(header.get("identity"), header.get("seq"), header.get("fingerprint"))
    categories = {origin: radix.categories for origin, radix in contents.radixes.items()}
    if header != json.loads(json.dumps(_header(stand, categories))):
        raise ValueError("is of other zones or categories, or of another machine")
    for radix in contents.radixes.values():
        at += restore(radix, octets[at:end])
    if at != end:
        raise ValueError("goes on beyond its end")
    return stand
