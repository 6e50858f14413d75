"""Access lists: who gets an answer, by the network that asks. Of the server and of each zone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast, get_args

from dnsbl.config.toml import ConfigError, Table
from dnsbl.network import Network, parse

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
