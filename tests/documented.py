"""The configuration files in docs: what users are told is what the tests run."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "mail-servers.md"


def snippet(heading: str, path: str, page: Path = PAGE) -> str:
    """The block that stands below a heading, after the name of a file."""
    sections = re.split(r"^##+ ", page.read_text(), flags=re.MULTILINE)
    section = next(text for text in sections if text.startswith(f"{heading}\n"))
    block = re.search(rf"(?ms)^`{re.escape(path)}`[^\n]*\n+```\w*\n(.*?)^```", section)
    assert block, f"{heading}: no {path}"
    return block[1]
