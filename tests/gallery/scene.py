"""What a scene is: a page in one of its states, and how a visitor gets to see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from gallery.stage import Stage

Reach = Callable[[Stage], Awaitable[None]]

SCENES: Final[list[Scene]] = []


@dataclass(frozen=True, slots=True)
class Scene:
    """``name`` is that of its picture too; ``status`` the one that its page has."""

    name: str
    status: int
    reach: Reach

    @property
    def line(self) -> str:
        """What the page shows: the first line of the function that gets there."""
        return (self.reach.__doc__ or "").strip().partition("\n")[0]


def scene(name: str, status: int = 200) -> Callable[[Reach], Reach]:
    """Makes a scene of a function that gets to it."""

    def kept(reach: Reach) -> Reach:
        SCENES.append(Scene(name, status, reach))
        return reach

    return kept
