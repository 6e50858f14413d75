from collections.abc import Iterable
from typing import Any

from dnsbl.native.cookie import Cookies
from dnsbl.native.gate import Gate

TYPES: tuple[str, ...]

class Answerer:
    count: int
    names: tuple[str, ...]
    categories: tuple[tuple[str, ...], ...]
    gate: Gate

    # A plan is a dnsbl.zone.plan.Plan; this package lies below that one.
    def __init__(
        self, plans: Iterable[Any], gate: Gate, cookies: Cookies | None = None
    ) -> None: ...
    # A radix is a dnsbl.native.radix.Radix or a dnsbl.native.names.Names, and nothing else.
    def attach(self, name: str, radix: object) -> None: ...
    def set_serial(self, name: str, serial: int) -> None: ...
    def set_access(self, name: str | None, radix: object) -> None: ...
    def respond(self, data: bytes, now: float, client: bytes = ...) -> bytes | None: ...
