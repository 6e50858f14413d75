"""Debian's Chromium for tests: how it is started, and what is looked for in its pages."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Error, Page, async_playwright

CHROMIUM_ARGUMENTS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LAUNCH_S: Final = 30
LAUNCHES: Final = 3  # on a machine that is busy one fails or hangs now and then, and not the next
UNSTEADY: Final = logging.getLogger("unsteady")  # tests/conftest.py prints what it says
PHONE: Final = 360  # CSS pixels
DESKTOP: Final = 1280
ZOOMED: Final = DESKTOP // 2  # what a desktop's window has room for at 200 % (WCAG 2.2 §1.4.4)
NARROWEST: Final = 320  # CSS pixels; WCAG 2.2 §1.4.10
STOPS_MAX: Final = 30  # of Tab on one page

_AXE: Final = Axe()
_PARTS: Final = """() => [...document.querySelectorAll("script, iframe, object, embed")]
    .map(part => part.outerHTML)"""
# What an element reaches beyond the window by, unless a box of its own scrolls it.
_WIDE: Final = """() => {
    const room = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= room) return [];
    return [...document.querySelectorAll("body *")]
        .filter(part => part.getBoundingClientRect().right > room + 0.5)
        .map(part => `${part.tagName} ${part.className} ${part.textContent.trim().slice(0, 40)}`);
}"""
_FOCUS_SHOWS: Final = """() => {
    const style = getComputedStyle(document.activeElement);
    const box = document.activeElement.getBoundingClientRect();
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2
        && box.left >= 0 && box.width > 0 && box.height > 0;
}"""


@dataclass(frozen=True, slots=True)
class Fault:
    """What axe objects to: its rule, and the element."""

    rule: str
    element: str
    why: str


@asynccontextmanager
async def chromium(path: str) -> AsyncIterator[Browser]:
    """A browser, without a window."""
    async with async_playwright() as playwright:
        browser = await launched(
            lambda: playwright.chromium.launch(
                executable_path=path, args=CHROMIUM_ARGUMENTS, timeout=LAUNCH_S * 1000
            )
        )
        try:
            yield browser
        finally:
            await browser.close()


async def launched(launch: Callable[[], Awaitable[Browser]]) -> Browser:
    """The browser that a launch gives; one that fails or hangs is said, and tried again.

    Raises the error of the last try, which has what the browser wrote to its standard error.
    """
    for number in range(1, LAUNCHES):
        try:
            return await launch()
        except Error as error:
            UNSTEADY.warning("launch %d of Chromium failed: %s", number, error)
    return await launch()


async def faults(page: Page, *rules: str) -> list[Fault]:
    """What axe finds wrong in a page as it is shown; by these rules, or by all of axe's."""
    options: dict[str, object] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = list(rules)
    found = await _AXE.run(page, options=options)
    return [
        Fault(violation["id"], node["html"], node["failureSummary"])
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]


async def too_wide(page: Page, widths: Sequence[int]) -> dict[int, list[str]]:
    """What would have to be scrolled to sideways, in windows of these widths (CSS pixels)."""
    found: dict[int, list[str]] = {}
    for width in widths:
        await page.set_viewport_size({"width": width, "height": 800})
        if wide := await page.evaluate(_WIDE):
            found[width] = wide
    return found


async def tab_to(page: Page, selector: str) -> None:
    """Presses Tab until an element has the focus; every stop on the way shows that it has it."""
    for _ in range(STOPS_MAX):
        await page.keyboard.press("Tab")
        assert await page.evaluate(_FOCUS_SHOWS)
        if await page.evaluate("which => document.activeElement.matches(which)", selector):
            return
    pytest.fail(f"Tab does not lead to {selector}")


async def active_parts(page: Page) -> list[str]:
    """Scripts and frames of a page."""
    parts: list[str] = await page.evaluate(_PARTS)
    return parts
