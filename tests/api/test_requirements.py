"""What RFC 6471 asks of a list's pages, and no other test promises."""

from __future__ import annotations

import re

from portal import Portal


async def test_the_policy_page_promises_an_end_and_asks_for_no_money(portal: Portal) -> None:
    """RFC 6471 §2.2.1, §2.2.4, §2.2.5: listings end, removal has no obstacles and is free."""
    text = (await portal.fetch("/policy")).text

    assert "A listing shows when it ends." in text
    assert "without paying and without a captcha" in re.sub(r"\s+", " ", text)
