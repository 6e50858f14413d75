"""Access lists: who gets an answer, by the network that asks. Of the server and of each zone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast, get_args

from dnsbl.config.toml import ConfigError, Table
from dnsbl.network import BITS, IPV4, IPV6, Network, parse

Action: TypeAlias = Literal["pass", "refuse", "ignore", "empty"]
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)

NETWORKS_EXPECTED: Final = "a list of networks such as 192.0.2.0/24"


@dataclass(frozen=True, slots=True)
class AccessConfig:
    """What becomes of a question: the most specific of ``networks`` decides, else ``default``.

    "pass" answers it, "refuse" says REFUSED, "ignore" says nothing, "empty"
    answers as if nothing were listed. No network stands twice.
    """

    default: Action = "pass"
    networks: tuple[tuple[Network, Action], ...] = ()


EVERYBODY: Final = AccessConfig()
WHOLE: Final = (Network(IPV4, 0, 0), Network(IPV6, 0, 0))


@dataclass(slots=True)
class _Region:
    """A network with what becomes of questions from there, by two lists."""

    network: Network
    inner: Action
    outer: Action
    covered: int = 0  # addresses in it that networks of either list decide more specifically

    @property
    def is_opened(self) -> bool:
        """Whether some of its addresses are decided here, and pass the outer list alone."""
        addresses = 1 << (BITS[self.network.family] - self.network.length)
        return self.covered < addresses and self.inner != "pass" == self.outer


def opened(inner: AccessConfig, outer: AccessConfig) -> Network | None:
    """A network with clients that ``outer`` answers and ``inner`` does not; None: there is none.

    Exact: it looks at every network in which either list decides for anybody.
    """
    networks = dict(inner.networks), dict(outer.networks)
    named = sorted(
        {*WHOLE, *networks[0], *networks[1]}, key=lambda each: (each.family, each.bits, each.length)
    )
    around: list[_Region] = []
    for network in named:
        while around and not around[-1].network.covers(network):
            if (found := _leave(around)) is not None:
                return found
        above = around[-1] if around else _Region(network, inner.default, outer.default)
        actions = [each.get(network) for each in networks]
        around.append(_Region(network, actions[0] or above.inner, actions[1] or above.outer))
    while around:
        if (found := _leave(around)) is not None:
            return found
    return None


def _leave(around: list[_Region]) -> Network | None:
    """Leaves the innermost region; its network, if its addresses are opened."""
    region = around.pop()
    if around:
        around[-1].covered += 1 << (BITS[region.network.family] - region.network.length)
    return region.network if region.is_opened else None


def read_access(table: Table) -> AccessConfig:
    """The table [access] of a zone file, or [dns.access]. Raises ConfigError."""
    default = cast("Action", table.choice("default", "pass", ACTIONS))
    actions: dict[Network, Action] = {}
    for action in ACTIONS:
        for network in table.parsed_each(action, [], NETWORKS_EXPECTED, parse):
            before = actions.get(network)
            if before is not None:
                where = "twice" if before == action else f"in {table.key_name(before)} as well"
                raise ConfigError(
                    f"{table.file}: {table.key_name(action)}: expected each network once, "
                    f"but {network} stands {where}"
                )
            actions[network] = action
    table.finish()
    return AccessConfig(default, tuple(actions.items()))
