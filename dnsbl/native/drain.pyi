from typing import Literal, TypeAlias, TypedDict

from dnsbl.native.answer import Answerer

DropCause: TypeAlias = Literal["short", "response", "oversized", "unreceived", "unsent"]

BATCH_MESSAGES_MAX: int

class Counts(TypedDict):
    replies: dict[tuple[str, str], int]
    truncated: int
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
    ) -> None: ...
    def run(self, batches_max: int) -> tuple[int, bool]: ...
    def message(self, index: int) -> bytes: ...
    def reply(self, index: int, reply: bytes) -> bool: ...
    def counts(self) -> Counts: ...
