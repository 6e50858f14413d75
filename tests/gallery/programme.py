"""All scenes in the order of a visit, and which of them are pictured how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from browser import DESKTOP, PHONE

from gallery import confirmations, lookups, operators, requests
from gallery.scene import SCENES, Scene

PARTS: Final = (lookups, requests, confirmations, operators)  # importing them fills SCENES
IN_ITALIAN: Final = frozenset({"look-up", "listed", "status-sent", "confirm", "delisted"})
IN_THE_DARK: Final = frozenset({"listed", "delisted", "statistics"})
ON_A_PHONE: Final = frozenset({
    "look-up", "listed", "listed-ipv6", "not-listed", "form-errors", "status-sent",
    "status-retrying", "confirm", "delisted", "operator-queue", "operator-request", "statistics",
})  # fmt: skip
ALL: Final = tuple(
    scene for part in PARTS for scene in SCENES if scene.reach.__module__ == part.__name__
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A scene as it is pictured; ``width`` in CSS pixels."""

    scene: Scene
    width: int
    tag: str = "en"
    dark: bool = False

    @property
    def name(self) -> str:
        """The name of its file."""
        marks = [self.scene.name, str(self.width)]
        marks += [self.tag] if self.tag != "en" else []
        marks += ["dark"] if self.dark else []
        return f"{'-'.join(marks)}.png"

    @property
    def manner(self) -> str:
        """How it differs from the picture on a desk."""
        words = ["on a phone"] if self.width == PHONE else []
        words += ["in Italian"] if self.tag == "it" else []
        words += ["in the dark"] if self.dark else []
        return ", ".join(words)


def pictures() -> list[Picture]:
    """All that stand in docs: every scene on a desk, others too on a phone, in Italian, or dark."""
    found: list[Picture] = []
    for scene in ALL:
        found += [Picture(scene, DESKTOP)]
        if scene.name in ON_A_PHONE:
            found += [Picture(scene, PHONE)]
        if scene.name in IN_ITALIAN:
            found += [Picture(scene, PHONE, "it")]
        if scene.name in IN_THE_DARK:
            found += [Picture(scene, DESKTOP, dark=True)]
    return found


def table() -> str:
    """What docs/gallery.md has of them: a picture of each page, a line, and the way to others."""
    rows = ["| page | what it shows |", "|---|---|"]
    for scene in ALL:
        first, *others = [picture for picture in pictures() if picture.scene is scene]
        ways = " · ".join(f"[{other.manner}](images/portal/{other.name})" for other in others)
        shown = f'<img src="images/portal/{first.name}" width="420" alt="{scene.name}">'
        rows.append(f"| {shown} | **{scene.name}**: {scene.line}{' ' if ways else ''}{ways} |")
    return "\n".join(rows)
