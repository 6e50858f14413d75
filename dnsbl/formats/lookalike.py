"""Files that are given as feeds by mistake, told by their first octets."""

from __future__ import annotations

from typing import Final

HEAD_OCTETS: Final = 64  # as many as are looked at

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_UNPACK: Final = "unpack it first"

# What a file begins with, what it then looks like, and what to do about it.
_BEGINNINGS: Final = (
    (b"\x1f\x8b", "a gzip file", _UNPACK),  # RFC 1952 §2.3.1
    (b"PK", "a zip file", _UNPACK),
    (b"\xfd7zXZ\x00", "an xz file", _UNPACK),
    (b"BZh", "a bzip2 file", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd file", _UNPACK),  # RFC 8878 §3.1.1
    (b"\xff\xfe", "UTF-16 text", "convert it to UTF-8 first"),
    (b"\xfe\xff", "UTF-16 text", "convert it to UTF-8 first"),
    (b"<", "HTML or XML", "it may be an error page in the feed's place"),
    (b"{", "JSON", "a feed has one address, network or name a line"),
    (b"[", "JSON", "a feed has one address, network or name a line"),
)


def lookalike(head: bytes) -> str | None:
    """What a file that names nothing looks like, and what to do about it; None if unknown."""
    text = head.removeprefix(_BYTE_ORDER_MARK).lstrip()
    for beginning, name, advice in _BEGINNINGS:
        if head.startswith(beginning) or text.startswith(beginning):
            return f"it looks like {name}; {advice}"
    return None
