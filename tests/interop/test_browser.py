"""A blocked sender's whole visit in a real browser, by a mail that went through real SMTP."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import pytest
from house import House, free_port
from mailserver import Mailbox, link
from playwright.sync_api import Browser, Page, sync_playwright
from running import Running

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ADDRESS = "203.0.113.7"
QUESTION = "7.113.0.203.bl.example"


@pytest.fixture
def browser(tool: Callable[[str], str]) -> Iterator[Browser]:
    """Debian's Chromium."""
    chromium = tool("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def mailbox(house: House) -> Iterator[Mailbox]:
    """A mail server that the house's sidecar sends through."""
    port = free_port()
    house.write_config(
        f'[mail]\ntransport = "smtp"\nsender = "delist@bl.example"\n'
        f'[mail.smtp]\nhost = "127.0.0.1"\nport = {port}\n'
    )
    mailbox = Mailbox(port)
    mailbox.start()
    yield mailbox
    mailbox.stop()


def listed(house: House, question: str = QUESTION) -> bool:
    """What DNS says of an address just now."""
    query = dns.message.make_query(question, "A")
    reply = dns.query.udp(query, "127.0.0.1", port=house.dns_port, timeout=10)
    assert reply.rcode() in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}
    return reply.rcode() == dns.rcode.NOERROR


def wait_until_listed(house: House) -> None:
    """Waits for a change made on the command line to be served."""
    deadline = time.monotonic() + 30
    while not listed(house):
        assert time.monotonic() < deadline


def request_mail(page: Page, house: House, mailbox_name: str) -> None:
    """From the link in the bounce to the status page."""
    page.goto(f"{house.portal_url}/?ip={ADDRESS}")
    assert page.locator("input[name=ip]").input_value() == ADDRESS
    page.locator("input[name=email]").fill(mailbox_name)
    page.get_by_role("button", name="Submit").click()
    page.wait_for_url(f"{house.portal_url}/status/*")


@pytest.mark.parametrize("script", [False, True], ids=["without script", "with script"])
def test_a_sender_delists_an_address_in_a_browser(
    house: House,
    mailbox: Mailbox,
    browser: Browser,
    serve: Callable[..., Running],
    dnsbl: Callable[..., subprocess.CompletedProcess[str]],
    *,
    script: bool,
) -> None:
    """Bounce, form, status, mail, link, button, NXDOMAIN; no step needs JavaScript."""
    serve(house.file)
    assert dnsbl(house.file, "add", ADDRESS, "--reason", "spam trap").returncode == 0
    wait_until_listed(house)
    page = browser.new_page(java_script_enabled=script)

    request_mail(page, house, "postmaster@sender.example")
    confirm = link(mailbox.wait_for("postmaster@sender.example"))
    scan(confirm)
    assert listed(house)
    page.goto(confirm)
    assert listed(house)
    page.get_by_role("button", name="Delist IP").click()

    assert not listed(house)
    assert ADDRESS in page.inner_text("main")
    assert "no longer" in page.inner_text("main")
    page.goto(confirm)
    assert "already" in page.inner_text("main").lower()
    assert page.get_by_role("button", name="Delist IP").count() == 0
    page.close()


def scan(url: str) -> None:
    """What a mail scanner does with a link: HEAD and GET, more than once."""
    for method in ("HEAD", "GET", "HEAD", "GET"):
        request = urllib.request.Request(url, method=method)  # noqa: S310  # our own link
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            assert answer.status == 200


@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_is_wider_than_its_window(
    house: House,
    mailbox: Mailbox,
    browser: Browser,
    serve: Callable[..., Running],
    dnsbl: Callable[..., subprocess.CompletedProcess[str]],
    width: int,
) -> None:
    """Every page of the flow fits a phone's width and a desktop's, without scrolling sideways."""
    serve(house.file)
    assert dnsbl(house.file, "add", ADDRESS).returncode == 0
    wait_until_listed(house)
    page = browser.new_page(viewport={"width": width, "height": 800})
    pictures = Path(os.environ["SCREENSHOTS"]) if "SCREENSHOTS" in os.environ else None

    def look(name: str) -> None:
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        if pictures:
            page.screenshot(path=pictures / f"{name}-{width}.png", full_page=True)

    page.goto(house.portal_url)
    look("start")
    page.goto(f"{house.portal_url}/?ip={ADDRESS}")
    look("lookup")
    request_mail(page, house, "a-rather-long-mailbox-name@mail.sender.example")
    look("status")
    page.goto(link(mailbox.wait_for("a-rather-long-mailbox-name@mail.sender.example")))
    look("confirm")
    page.get_by_role("button", name="Delist IP").click()
    look("delisted")
    page.goto(f"{house.portal_url}/nowhere")
    look("missing")
    page.close()


def test_the_browser_is_sent_nowhere_but_to_the_portal(
    house: House, browser: Browser, serve: Callable[..., Running]
) -> None:
    """The pages load nothing from elsewhere, run no script and set no cookie."""
    serve(house.file)
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto(house.portal_url)

    assert all(url.startswith(house.portal_url) for url in asked)
    assert page.locator("script").count() == 0
    assert page.context.cookies() == []
    page.close()
