"""What a scene is: a page in one of its states, and how a visitor gets to see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from api.truth import WRITE_WAIT_S
from gallery.stage import Stage

Reach = Callable[[Stage], Awaitable[None]]

SCENES: Final[list[Scene]] = []


@dataclass(frozen=True, slots=True)
class Scene:
    """``name`` is that of its picture too; ``status`` the one that its page has.

    ``write_wait_s`` is how long its portal waits for a database that another program holds.
    """

    name: str
    status: int
    reach: Reach
    write_wait_s: float

    @property
    def line(self) -> str:
        """What the page shows: the first line of the function that gets there."""
        return (self.reach.__doc__ or "").strip().partition("\n")[0]


def scene(
    name: str, status: int = 200, *, write_wait_s: float = WRITE_WAIT_S
) -> Callable[[Reach], Reach]:
    """Makes a scene of a function that gets to it."""

    def kept(reach: Reach) -> Reach:
        SCENES.append(Scene(name, status, reach, write_wait_s))
        return reach

    return kept
