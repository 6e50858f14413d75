"""The states of a delist request, and where each may go: the whole machine in one table."""

from __future__ import annotations

import enum
from typing import Final

from dnsbl.store.events import EventKind


class State(enum.StrEnum):
    """Where a request stands."""

    REQUESTED = "requested"
    MAIL_QUEUED = "mail_queued"
    MAIL_SENT = "mail_sent"
    MAIL_FAILED = "mail_failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    CONFIRMED = "confirmed"
    REVIEW = "review"
    COOLDOWN = "cooldown"
    DELISTED = "delisted"
    REFUSED = "refused"
    RELISTED = "relisted"


# docs/delisting.md has the same table, and says what takes a request from one to the other.
TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    State.REQUESTED: frozenset({State.MAIL_QUEUED, State.REFUSED, State.EXPIRED, State.CANCELLED}),
    State.MAIL_QUEUED: frozenset(
        {State.MAIL_SENT, State.MAIL_FAILED, State.EXPIRED, State.CANCELLED, State.CONFIRMED}
    ),
    # To MAIL_FAILED by a bounce that comes after the server's acceptance.
    State.MAIL_SENT: frozenset(
        {State.MAIL_FAILED, State.CONFIRMED, State.EXPIRED, State.CANCELLED}
    ),
    # A mail that came although its server said no, and a link pressed, still count.
    State.MAIL_FAILED: frozenset({State.CONFIRMED, State.CANCELLED}),
    State.CONFIRMED: frozenset({State.DELISTED, State.REVIEW, State.COOLDOWN, State.REFUSED}),
    # An operator decides about what is in review; a cooldown of another listing goes on.
    State.REVIEW: frozenset({State.DELISTED, State.REFUSED, State.COOLDOWN}),
    # To itself where the button was pressed in time for one listing, and another has to wait.
    State.COOLDOWN: frozenset(
        {State.DELISTED, State.REVIEW, State.REFUSED, State.COOLDOWN, State.EXPIRED,
         State.CANCELLED}
    ),
    State.DELISTED: frozenset({State.RELISTED}),
    State.EXPIRED: frozenset(),
    State.CANCELLED: frozenset(),
    State.REFUSED: frozenset(),
    State.RELISTED: frozenset(),
}  # fmt: skip

# A request that waits for its mail, or for the link in it to be pressed.
PENDING: Final = (State.REQUESTED, State.MAIL_QUEUED, State.MAIL_SENT)

# One that an operator can decide about.
DECIDABLE: Final = (State.REVIEW, State.COOLDOWN)

# What hooks are told when a request comes to a state. Of RELISTED the listing itself tells.
EVENTS: Final[dict[State, EventKind]] = {
    State.REQUESTED: "delist.requested",
    State.MAIL_SENT: "delist.mail_sent",
    State.MAIL_FAILED: "delist.mail_failed",
    State.CONFIRMED: "delist.confirmed",
    State.DELISTED: "delist.completed",
    State.REFUSED: "delist.refused",
    State.REVIEW: "delist.review_needed",
    State.CANCELLED: "delist.cancelled",
}
