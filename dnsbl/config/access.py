"""Access lists: who gets an answer, by the network that asks. Of the server and of each zone."""

from __future__ import annotations

import itertools
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
    """A network with what becomes of questions from there, by each list, the inner first."""

    network: Network
    actions: tuple[Action, ...]
    covered: int = 0  # addresses in it that networks of any list decide more specifically

    @property
    def is_opened(self) -> bool:
        """Whether some of its addresses are decided here, and pass all lists but the inner."""
        addresses = 1 << (BITS[self.network.family] - self.network.length)
        inner, *outer = self.actions
        return self.covered < addresses and inner != "pass" and {*outer} == {"pass"}


def opened(inner: AccessConfig, *outer: AccessConfig) -> Network | None:
    """A network with clients that pass each of ``outer`` and not ``inner``; None: there is none.

    Exact: it looks at every network in which any list decides for anybody.
    """
    lists = inner, *outer
    decided = [dict(each.networks) for each in lists]
    named = sorted(
        {*WHOLE, *itertools.chain.from_iterable(decided)},
        key=lambda each: (each.family, each.bits, each.length),
    )
    defaults = tuple(each.default for each in lists)
    around: list[_Region] = []
    for network in named:
        while around and not around[-1].network.covers(network):
            if (found := _leave(around)) is not None:
                return found
        above = around[-1].actions if around else defaults
        actions = (each.get(network, before) for each, before in zip(decided, above, strict=True))
        around.append(_Region(network, tuple(actions)))
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
