"""Files that are given as feeds by mistake."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile

import pytest

from dnsbl.formats.lookalike import HEAD_OCTETS, lookalike


def zipped() -> bytes:
    """A zip file with one feed in it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("feed.txt"), "192.0.2.1\n")  # of 1980
    return file.getvalue()


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (gzip.compress(b"192.0.2.1\n", mtime=0), "a gzip file; unpack it first"),
        (bz2.compress(b"192.0.2.1\n"), "a bzip2 file; unpack it first"),
        (lzma.compress(b"192.0.2.1\n"), "an xz file; unpack it first"),
        (zipped(), "a zip file; unpack it first"),
        (bytes.fromhex("28b52ffd0458"), "a zstd file; unpack it first"),
        ("192.0.2.1\n".encode("utf-16"), "UTF-16 text; convert it to UTF-8 first"),
        (b"<!DOCTYPE html>", "HTML or XML; it may be an error page in the feed's place"),
        (b"\xef\xbb\xbf\r\n <html>", "HTML or XML; it may be an error page in the feed's place"),
        (b'{"cidr": "192.0.2.0/24"}', "JSON; a feed has one address, network or name a line"),
        (b'["192.0.2.1"]', "JSON; a feed has one address, network or name a line"),
    ],
)
def test_known_kinds_are_named_with_what_to_do(octets: bytes, expected: str) -> None:
    """Real files, from those that write them where Python can."""
    assert lookalike(octets[:HEAD_OCTETS]) == f"it looks like {expected}"


@pytest.mark.parametrize("octets", [b"", b"192.0.2.1\n", b"nonsense", b"# comment", b"\x00\x01"])
def test_of_anything_else_nothing_is_said(octets: bytes) -> None:
    """A guess that is wrong leads astray."""
    assert lookalike(octets) is None
