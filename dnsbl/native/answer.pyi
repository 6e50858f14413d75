from collections.abc import Iterable
from typing import Any

from dnsbl.native.gate import Gate

TYPES: tuple[str, ...]

class Answerer:
    count: int
    gate: Gate

    # A plan is a dnsbl.zone.plan.Plan; this package lies below that one.
    def __init__(self, plans: Iterable[Any], gate: Gate) -> None: ...
    # A radix is a dnsbl.native.radix.Radix, and nothing else.
    def attach(self, name: str, radix: object, serial: int) -> None: ...
    def set_serial(self, name: str, serial: int) -> None: ...
    def respond(self, data: bytes, now: float) -> bytes | None: ...
