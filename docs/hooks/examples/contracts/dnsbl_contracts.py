"""A plugin: customers' senders are delisted at once, others are looked at; the log has the rest."""

import logging

import pluggy

from api.hooks.spec import Event
from dnsbl.delist.case import Case
from dnsbl.delist.decision import Decision, Outcome

hookimpl = pluggy.HookimplMarker("dnsbl")
log = logging.getLogger("contracts")

CUSTOMERS = {"sender.example"}


class Contracts:
    """Made when the portal starts, once for each hook that names it."""

    @hookimpl
    def dnsbl_decide(self, case: Case) -> Decision | None:
        """Runs in a thread, so it may wait: for a database, say."""
        domain = case.mailbox.rpartition("@")[2]
        if domain in CUSTOMERS:
            return None  # no objection
        return Decision(
            Outcome.REVIEW,
            "contracts",
            reason="An operator looks at requests of those who are no customers.",
            note=f"{domain} has no contract",
        )

    @hookimpl
    async def dnsbl_notify(self, event: Event) -> None:
        """A coroutine runs on the portal's event loop, and must not block it."""
        log.warning("%s %s %s", event.uid, event.kind, event.data["subject"])
