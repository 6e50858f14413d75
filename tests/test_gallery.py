"""The pictures of the portal in docs: each page has one, and they weigh little."""

from __future__ import annotations

from pathlib import Path

from gallery.programme import pictures, table

DOCS = Path(__file__).parent.parent / "docs"
FOLDER = DOCS / "images" / "portal"
PICTURE_OCTETS_MAX = 64 * 1024
ALL_OCTETS_MAX = 9 * 256 * 1024


def test_every_page_is_pictured() -> None:
    """`make screenshots` took a picture of every scene, and left none of a scene that is gone."""
    taken = {file.name for file in FOLDER.iterdir()}

    assert taken == {picture.name for picture in pictures()}


def test_the_pictures_weigh_little() -> None:
    """Whoever clones or reads the docs is not kept waiting by them."""
    octets = {file.name: file.stat().st_size for file in FOLDER.iterdir()}

    assert {name: size for name, size in octets.items() if size > PICTURE_OCTETS_MAX} == {}
    assert sum(octets.values()) <= ALL_OCTETS_MAX


def test_the_docs_show_every_page() -> None:
    """docs/gallery.md has a line for each, as `python -m gallery` prints it."""
    assert table() in (DOCS / "gallery.md").read_text()
