from typing import Literal, TypeAlias, TypedDict

from dnsbl.native.answer import Answerer
from dnsbl.native.ratelimit import RateLimiter

DropCause: TypeAlias = Literal[
    "short", "response", "oversized", "unreceived", "unsent", "ignored", "rate_limited"
]

BATCH_MESSAGES_MAX: int

class Counts(TypedDict):
    replies: dict[tuple[str, str, str], int]  # by zone, type and rcode
    hits: dict[str, int]  # replies that list, by zone
    listed: dict[tuple[str, str], int]  # by zone and category
    ignored: dict[str, int]  # by the zone whose access list says so, or "" for the server's
    truncated: int
    slipped: int
    dropped: dict[DropCause, int]
    batches: int
    declined: int

class Drain:
    def __init__(
        self,
        file: int,
        answerer: Answerer,
        reader: int,
        packet_info: bool,
        limiter: RateLimiter | None = None,
    ) -> None: ...
    def run(self, batches_max: int) -> tuple[int, bool]: ...
    def message(self, index: int) -> bytes: ...
    def client(self, index: int) -> bytes: ...
    def reply(self, index: int, reply: bytes) -> bool: ...
    def watch(self, listed_every: int, other_every: int) -> None: ...
    def observed(self) -> list[tuple[bytes, bytes, bytes]]: ...
    def counts(self) -> Counts: ...
