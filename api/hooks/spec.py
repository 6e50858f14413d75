"""What a plugin may implement: the hooks of pluggy's project "dnsbl".

A plugin marks its functions with `pluggy.HookimplMarker("dnsbl")`, and takes those
of the arguments that it wants. The built-in policy is one too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Final

import pluggy

from dnsbl.delist.case import Case
from dnsbl.delist.decision import Decision

PROJECT: Final = "dnsbl"
ENTRY_POINTS: Final = "dnsbl.hooks"  # the group that plugins are found in by name

hookspec: Final = pluggy.HookspecMarker(PROJECT)
hookimpl: Final = pluggy.HookimplMarker(PROJECT)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened and was committed.

    ``uid`` is the same over all attempts to tell of it, ``attempt`` counts them
    from 1; ``data`` is that of the JSON that other transports are sent.
    """

    uid: str
    kind: str
    at: int
    attempt: int
    data: Mapping[str, object]


class Hooks:
    """Both may be coroutine functions; those run on the portal's event loop, others in threads."""

    @hookspec
    def dnsbl_decide(self, case: Case) -> Decision | Awaitable[Decision | None] | None:
        """What the plugin says of one listing that is to go; None where it has no opinion.

        ``case.mailbox`` is empty, unless the hook's ``mailbox`` is true. The
        decision's ``rule`` is of no account.
        """

    @hookspec
    def dnsbl_notify(self, event: Event) -> Awaitable[None] | None:
        """Takes note of an event. Raising anything has it told again later."""
