"""Pictures of every page: `python -m gallery FOLDER [SCENE…]`; without words, docs' table."""

from __future__ import annotations

import asyncio
import io
import logging
import shutil
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Final

import structlog
from browser import chromium
from PIL import Image
from playwright.async_api import Browser

from gallery.programme import Picture, pictures, table
from gallery.stage import stage

COLOURS: Final = 16  # of four bits: the grounds, and letters with their edges
HEIGHT_MAX: Final = 1480  # pixels; what is longer goes on as it began


async def take(browser: Browser, picture: Picture, folder: Path) -> None:
    """Plays a scene, and keeps how its page looks."""
    with tempfile.TemporaryDirectory() as house:
        async with stage(
            browser,
            Path(house),
            picture.tag,
            width=picture.width,
            dark=picture.dark,
            write_wait_s=picture.scene.write_wait_s,
        ) as set_up:
            await picture.scene.reach(set_up)
            assert set_up.status == picture.scene.status, picture.name
            octets = await set_up.page.screenshot(full_page=True, animations="disabled")
    with Image.open(io.BytesIO(octets)) as image:
        shown = image.convert("RGB").crop((0, 0, image.width, min(image.height, HEIGHT_MAX)))
    of_few_colours(shown).save(folder / picture.name, optimize=True, bits=4)


def of_few_colours(image: Image.Image) -> Image.Image:
    """The same with the colours that it has most of: its grounds stay what they are."""
    counted = image.getcolors(image.width * image.height) or []
    colours = [octet for _, colour in sorted(counted, reverse=True)[:COLOURS] for octet in colour]
    palette = Image.new("P", (1, 1))
    palette.putpalette(colours + colours[:3] * (256 - len(colours) // 3))
    return image.quantize(palette=palette, dither=Image.Dither.NONE)


async def main(folder: Path, names: Collection[str]) -> None:
    """Takes the pictures of these scenes, or of all."""
    async with chromium(shutil.which("chromium") or "chromium") as browser:
        for picture in pictures():
            if not names or picture.scene.name in names:
                await take(browser, picture, folder)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
        asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
    else:
        sys.stdout.write(f"{table()}\n")
