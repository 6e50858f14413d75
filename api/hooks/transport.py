"""The way to a hook, whichever of the three it is."""

from __future__ import annotations

from typing import Protocol

from api.hooks.message import Message, Reply


class Transport(Protocol):
    """One hook's way. Several messages may be under way at once."""

    async def send(self, message: Message) -> Reply:
        """Hands a message over and waits for the reply, for at most the hook's ``timeout_s``.

        Whatever a hook may do wrong is a Reply; nothing is raised for it.
        """

    async def close(self) -> None:
        """Lets go of what the way holds: connections, threads."""
