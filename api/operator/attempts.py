"""How often a client may fail to log in. A token cannot be guessed; this keeps the noise down."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from dnsbl.network import Network

FAILURES_MAX: Final = 10  # of a client network, in a window
WINDOW_S: Final = 900
CLIENTS_MAX: Final = 4096  # remembered at once: the oldest are forgotten, and memory is bounded


class Attempts:
    """Failures by client network, in memory; `now` gives Unix seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._failures: OrderedDict[Network, deque[float]] = OrderedDict()

    def again_in_s(self, client: Network) -> int:
        """After how many seconds a client may try again; 0 for at once."""
        failures = self._failures.get(client)
        if failures is None or len(failures) < FAILURES_MAX:
            return 0
        return max(0, int(failures[0] + WINDOW_S - self._now()))

    def failed(self, client: Network) -> None:
        """Notes a failure."""
        failures = self._failures.setdefault(client, deque(maxlen=FAILURES_MAX))
        failures.append(self._now())
        self._failures.move_to_end(client)
        if len(self._failures) > CLIENTS_MAX:
            self._failures.popitem(last=False)
