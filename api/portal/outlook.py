"""What a press of the button would meet now, so that the pages tell it before anybody presses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from api.proof import prove, proven
from api.resolver import Resolver
from dnsbl.config import Config
from dnsbl.delist.case import Case, Key
from dnsbl.delist.decision import Decision, Outcome, strictest
from dnsbl.delist.findings import Finding
from dnsbl.delist.past import pasts
from dnsbl.delist.policy import PROOF, Shortfall, forecast, needed_proof, policy
from dnsbl.network import Network
from dnsbl.store.database import Database


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the policy would decide about a listing; hooks are not asked before the press.

    ``shortfall`` is what has to be proven and is not yet, if anything. ``renews``:
    it was granted before, and only the time of that is over.
    """

    decision: Decision
    shortfall: Shortfall | None = None
    renews: bool = False

    @property
    def word(self) -> str:
        """Its outcome, as templates ask for it: accept, defer, review, refuse."""
        return self.decision.outcome.name.lower()


Outlooks = Mapping[Key, Outlook]


def of_visitor(
    database: Database, findings: Sequence[Finding], address: Network, now: int
) -> dict[Key, Outlook]:
    """For whoever asks for the address now. `hinted` says then what would be a proof."""
    found: dict[Key, Outlook] = {}
    for finding, past in zip(findings, pasts(database, address, findings, now), strict=True):
        category = finding.category
        needed = needed_proof(category, past.delistings, now)
        found[finding.zone.origin, category.name] = Outlook(
            forecast(category, exact=finding.exact, delistings=past.delistings, now=now),
            Shortfall(0, needed, ()) if needed else None,
            past.renews,
        )
    return found


def only_asks(outlooks: Outlooks) -> bool:
    """Whether all that a press could do is to ask an operator."""
    outcomes = {outlook.decision.outcome for outlook in outlooks.values()}
    return Outcome.REVIEW in outcomes and outcomes <= {Outcome.REVIEW, Outcome.REFUSE}


async def hinted(
    outlooks: Outlooks, address: Network, client: Network, resolver: Resolver | None
) -> Outlooks:
    """The same with the mailboxes that would do, looked up if any is asked for.

    A visitor at the address itself has proven all there is.
    """
    if not any(outlook.shortfall for outlook in outlooks.values()):
        return outlooks
    proof = await prove(address, "", client, resolver)

    def shortfall(outlook: Outlook) -> Shortfall | None:
        if outlook.shortfall is None or proof.level >= outlook.shortfall.needed:
            return None
        return replace(outlook.shortfall, domains=proof.domains)

    return {key: replace(outlook, shortfall=shortfall(outlook))
            for key, outlook in outlooks.items()}  # fmt: skip


async def of_request(
    cases: Sequence[Case], config: Config, resolver: Resolver | None
) -> dict[Key, Outlook]:
    """For the one who may press the button of a request now, whose mailbox is known."""
    found: dict[Key, Outlook] = {}
    for case in await proven(cases, config, resolver):
        zone = config.zone(case.zone)
        category = zone.category(case.category) if zone is not None else None
        assert category is not None, "a case is of a category that is served"
        decision = strictest(policy(case, category))
        shortfall = Shortfall.read(decision.note) if decision.rule == PROOF else None
        found[case.key] = Outlook(decision, shortfall, case.renews)
    return found
