"""Who gets an answer: an access list, of the server or of a zone, found by longest prefix."""

from __future__ import annotations

from typing import Final

from dnsbl.config.access import ACTIONS, WHOLE, AccessConfig, Action
from dnsbl.network import Network
from dnsbl.verdict import EVERY_CATEGORY, Entry, decide
from dnsbl.zone.twin import AnyRadix, new_radix

DENIALS: Final = tuple(action for action in ACTIONS if action != "pass")


class AccessList:
    """What becomes of the questions of each client. Nobody changes it.

    Networks lie in ``radix`` as listings do, with the actions but "pass" as its
    categories, in the order of DENIALS: `dnsbl.verdict.decide` finds one for a
    client, or none for one that passes. It holds the default, too. A ``trivial``
    list lets everybody pass, and need not be asked.
    """

    def __init__(self, config: AccessConfig) -> None:
        self.default: Final = config.default
        self.radix: Final[AnyRadix] = new_radix(DENIALS)
        networks = dict.fromkeys(WHOLE, config.default) | dict(config.networks)
        self.trivial: Final = set(networks.values()) == {"pass"}
        if not self.trivial:  # an entry for the whole of IPv4 takes half a megabyte
            for network, action in networks.items():
                self._put(network, action)

    def _put(self, network: Network, action: Action) -> None:
        if action == "pass":
            self.radix.put(Entry(network, EVERY_CATEGORY, excludes=True, expires_at=None))
            return
        for denial in DENIALS:  # each is decided by itself: what is wider must not add another
            self.radix.put(Entry(network, denial, excludes=denial != action, expires_at=None))

    def action(self, client: Network) -> Action:
        """What becomes of the questions of that client, an address."""
        if self.trivial:
            return "pass"
        decided = decide(self.radix.covering(client), now=0)
        return next((action for action in DENIALS if action in decided), "pass")
