"""Documentation is tested: what it names exists, and what exists is named."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).parent.parent
OPERATION = (PROJECT / "docs" / "operation.md").read_text()
README_LINES_MAX = 150

EVENT = re.compile(
    r"(?:\.(?:debug|info|warning|error|exception|critical)|\blog)\(\s*"
    r"\"([a-z0-9_]+)\"(?: if .{1,80}? else \"([a-z0-9_]+)\")?"
)


def sources(*folders: str) -> dict[Path, str]:
    """The Python files below folders, with their texts."""
    return {
        file: file.read_text() for folder in folders for file in (PROJECT / folder).rglob("*.py")
    }


def test_every_log_event_is_documented() -> None:
    """An operator who meets an event in the log finds it in docs/operation.md, and no other."""
    used = {
        event
        for text in sources("dnsbl", "api").values()
        for found in EVENT.findall(text)
        for event in found
        if event
    }
    table = OPERATION.split("## Log events")[1].split("\n## ")[0]
    documented = set(re.findall(r"^\| `([a-z0-9_]+)` \|", table, re.MULTILINE))

    assert used
    assert documented == used


def test_links_lead_to_files_that_exist() -> None:
    """No page links to a file or picture that is not there."""
    broken = [
        (page.name, target)
        for page in [*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")]
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
        if not target.startswith(("http:", "https:")) and not (page.parent / target).exists()
    ]

    assert broken == []


def test_the_readme_is_short() -> None:
    """A newcomer reads it whole."""
    assert len((PROJECT / "README.md").read_text().splitlines()) < README_LINES_MAX


def test_files_that_the_architecture_names_exist() -> None:
    """The map of docs/architecture.md shows no room that is not there."""
    text = (PROJECT / "docs" / "architecture.md").read_text()
    named = re.findall(r"`((?:dnsbl|api)/[a-z_/]+(?:\.py|/))`", text)

    assert named
    assert [name for name in named if not (PROJECT / name).exists()] == []
