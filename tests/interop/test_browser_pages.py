"""Every page of the portal in every state, in a real browser: fit, accessible, and alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from browser import (
    DESKTOP,
    NARROWEST,
    PHONE,
    ZOOMED,
    active_parts,
    chromium,
    faults,
    tab_to,
    too_wide,
)
from gallery.programme import ALL
from gallery.scene import Scene
from gallery.stage import LISTED, SENDER, Stage, stage
from mailserver import link
from playwright.async_api import Browser

WIDTHS = (NARROWEST, PHONE, ZOOMED, DESKTOP)
COLOUR_RULES = ("color-contrast", "link-in-text-block")
# Others have the same frame and a sentence or two in it.
IN_ITALIAN = [
    scene
    for scene in ALL
    if scene.status in (200, 422, 429)
    and scene.name not in ("statistics", "operator-queue", "operator-approved", "operator-refused")
]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(tool: Callable[[str], str]) -> AsyncIterator[Browser]:
    """Debian's Chromium, one for all scenes."""
    async with chromium(tool("chromium")) as browser:
        yield browser


def scenes(*played: Scene) -> pytest.MarkDecorator:
    """Runs a test with each of these scenes."""
    return pytest.mark.parametrize("scene", played, ids=[scene.name for scene in played])


async def alone(set_up: Stage) -> None:
    """The page runs nothing, asked for nothing from elsewhere, and kept nothing of a visitor."""
    assert await active_parts(set_up.page) == []
    assert [url for url in set_up.asked if not url.startswith(set_up.portal.house.portal_url)] == []
    cookies = [] if set_up.operator else await set_up.page.context.cookies()
    assert cookies == []


async def test_what_is_looked_for_is_found(browser: Browser) -> None:
    """A page with a fault of each kind passes for none of them."""
    page = await browser.new_page()
    await page.set_content(
        '<main style="color: #bbb; background: #fff">pale<img src="data:,"><script></script>'
        '<div style="width: 700px">wide</div></main>'
    )

    found = {fault.rule for fault in await faults(page)}
    assert {"color-contrast", "image-alt", "html-has-lang"} <= found
    assert list(await too_wide(page, WIDTHS)) == [NARROWEST, PHONE, ZOOMED]
    assert await active_parts(page) == ["<script></script>"]
    await page.close()


@scenes(*ALL)
async def test_a_page_is_accessible(scene: Scene, browser: Browser, tmp_path: Path) -> None:
    """Nothing for axe to find, on light ground and on dark; no width scrolls sideways."""
    async with stage(browser, tmp_path / "house", write_wait_s=scene.write_wait_s) as set_up:
        await scene.reach(set_up)

        assert set_up.status == scene.status
        assert await set_up.page.get_attribute("html", "lang") == "en"
        assert await faults(set_up.page) == []
        assert await too_wide(set_up.page, WIDTHS) == {}
        await set_up.page.emulate_media(color_scheme="dark")
        assert await faults(set_up.page, *COLOUR_RULES) == []
        await alone(set_up)


@scenes(*IN_ITALIAN)
async def test_a_page_fits_in_italian(scene: Scene, browser: Browser, tmp_path: Path) -> None:
    """Its words are Italian, and longer ones fit too; it is reached where no script may run."""
    async with stage(browser, tmp_path / "house", "it", script=False) as set_up:
        await scene.reach(set_up)

        assert set_up.status == scene.status
        assert await set_up.page.get_attribute("html", "lang") == "it"
        assert await too_wide(set_up.page, WIDTHS) == {}
        await alone(set_up)


async def test_the_keyboard_alone_delists(browser: Browser, tmp_path: Path) -> None:
    """Tab in the order of the page, Enter, and the focus is seen wherever it stands."""
    async with stage(browser, tmp_path / "house", script=False) as set_up:
        page, keys = set_up.page, set_up.page.keyboard
        await set_up.add()
        await set_up.open("/")

        await tab_to(page, ".skip")
        await keys.press("Enter")
        await tab_to(page, "input[name=address]")
        await keys.type(LISTED)
        async with page.expect_navigation():
            await keys.press("Enter")
        await tab_to(page, "input[name=email]")
        await keys.type(SENDER)
        await tab_to(page, "input[name=ip]")
        await tab_to(page, "button.primary")
        async with page.expect_navigation():
            await keys.press("Enter")
        await set_up.open(link(await asyncio.to_thread(set_up.mailbox.wait_for, SENDER)))
        await tab_to(page, "button.primary")
        async with page.expect_navigation():
            await keys.press("Space")
        assert await page.inner_text("h1") == f"Delisted {LISTED}"


async def test_the_language_is_switched_by_hand(browser: Browser, tmp_path: Path) -> None:
    """Without a script, and without losing the address; the mail is in that language too."""
    async with stage(browser, tmp_path / "house", script=False) as set_up:
        page = set_up.page
        await set_up.add()
        await set_up.open(f"/?ip={LISTED}")

        await tab_to(page, "summary")
        await page.keyboard.press("Enter")
        await tab_to(page, "a[hreflang=it]")
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        assert await page.get_attribute("html", "lang") == "it"
        assert await page.locator("input[name=ip]").input_value() == LISTED
        await page.locator("input[name=email]").fill(SENDER)
        async with page.expect_navigation():
            await page.get_by_role("button", name="Invia").click()
        assert await page.get_attribute("html", "lang") == "it"
        mail = await asyncio.to_thread(set_up.mailbox.wait_for, SENDER)
        assert mail["Content-Language"] == "it"


async def test_letters_of_twice_the_size_fit(browser: Browser, tmp_path: Path) -> None:
    """Whoever has a browser show letters twice as large reads without scrolling sideways."""
    async with stage(browser, tmp_path / "house") as set_up:
        for name in ("listed-several", "status-retrying", "policy"):
            scene = next(scene for scene in ALL if scene.name == name)
            await scene.reach(set_up)
            await set_up.page.evaluate("document.documentElement.style.fontSize = '200%'")
            assert await too_wide(set_up.page, (DESKTOP, ZOOMED)) == {}
