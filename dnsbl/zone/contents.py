"""What the database holds, as the zones take it: a radix for each.

Built whole beside the one in use at each load, and changed row by row while it
is in use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dnsbl.config import ZoneConfig
from dnsbl.errors import DnsblError
from dnsbl.name import Name
from dnsbl.store.journal import Change, Kind
from dnsbl.subject import Subject, parse_canonical
from dnsbl.verdict import EVERY_CATEGORY
from dnsbl.zone.skipped import SkippedRows
from dnsbl.zone.twin import AnyRadix, new_store

Chunks = Callable[[str, Kind], Iterable[bytes]]


class Contents:
    """The radix of each zone by origin, kept to what the configuration knows and has not expired.

    ``serials`` are the numbers of the zones' last changes in the journal.
    ``latest`` is the latest time by which anything was left out as expired.
    One thread at a time: who changes or swaps what is held has the zones' lock.
    """

    def __init__(self, configs: Iterable[ZoneConfig], skipped: SkippedRows) -> None:
        self._skipped = skipped
        self._configs = {config.origin: config for config in configs}
        self.radixes = {origin: new_store(config) for origin, config in self._configs.items()}
        self.serials = dict.fromkeys(self._configs, 0)
        self.identity = ""  # of the database that it was read from
        self.latest = 0.0
        self._reread_to: dict[str, int] = {}

    def put_reread(self, origin: str, radix: AnyRadix, last_seq: int) -> None:
        """Takes a zone that was read anew, as of that number of the journal."""
        self.radixes[origin] = radix
        self._reread_to[origin] = last_seq

    def load(self, origin: str, chunks: Chunks, now: float) -> AnyRadix:
        """Reads a zone anew, and gives its radix, which nobody uses yet; its old one stays.

        `chunks` gives the zone's rows of a kind, as `store.journal.chunks` makes them.
        """
        radix = new_store(self._configs[origin])
        self.latest = max(self.latest, now)
        kinds: tuple[Kind, ...] = ("exclusion", "listing")
        for kind in kinds:

            def odd(row: bytes, kind: Kind = kind) -> None:
                self._note_odd(origin, kind, row)

            excludes = kind == "exclusion"
            radix.take(chunks(origin, kind), excludes=excludes, now=now, odd=odd)
        return radix

    def apply(self, change: Change, now: float) -> None:
        """Brings one key in step with its row; a row that cannot be served is logged and left out.

        `now`, in Unix seconds, tells what has expired already.
        """
        if change.zone in self.serials and change.seq:
            self.serials[change.zone] = change.seq  # whatever became of the row, it is history
        fault = change.fault or self._unknown(change)
        if fault is not None:
            self._skipped.note(change, fault)
            return
        if change.seq and change.seq <= self._reread_to.get(change.zone, 0):
            return  # what was read anew has it, or something newer
        if (radix := self.radixes.get(change.zone)) is not None:
            self.bring(radix, change, now)

    def bring(self, radix: AnyRadix, change: Change, now: float) -> None:
        """Brings one key of a zone's radix in step with its row, if that can be served."""
        if change.network is None or self._unknown(change) is not None:
            return
        if not self._fits(change.zone, change.network):
            return  # a row that was there, and never served
        entry = change.entry
        self.latest = max(self.latest, now)
        if entry is not None and entry.live(now):
            radix.put(entry)
        else:
            excludes = change.kind == "exclusion"
            radix.discard(change.network, change.category, excludes=excludes)

    def drop_expired(self, now: float, limit: int) -> int:
        """Takes out what has expired, about so many entries at most; how many there were.

        The sidecar removes expired rows from the database, and the journal
        tells; this holds while the sidecar is down too.
        """
        dropped = 0
        self.latest = max(self.latest, now)
        for radix in self.radixes.values():
            if dropped < limit:
                dropped += radix.drop_expired(now, limit - dropped)
        return dropped

    def _note_odd(self, origin: str, kind: Kind, row: bytes) -> None:
        """Says what is wrong with a row of a load."""
        network, category, *_ = (*row.decode(errors="replace").split("\t"), "")
        change = Change(0, origin, kind, category, None, None)
        try:
            subject = parse_canonical(network)
        except DnsblError as error:
            self._skipped.note(change, str(error))
            return
        fits = self._fits(origin, subject)
        self._skipped.note(change, self._no_category(category) if fits else self._unfit(origin))

    def _unknown(self, change: Change) -> str | None:
        """Why a row that is there is none of ours."""
        if change.entry is None:
            return None
        config = self._configs.get(change.zone)
        if config is None:
            return f"no zone {change.zone} is configured"
        if not self._fits(change.zone, change.entry.network):
            return self._unfit(change.zone)
        of_all = change.kind == "exclusion" and change.category == EVERY_CATEGORY
        if config.category(change.category) is None and not of_all:
            return self._no_category(change.category)
        return None

    def _fits(self, origin: str, subject: Subject) -> bool:
        """Whether it is of the kind that the zone lists."""
        return isinstance(subject, Name) == (self._configs[origin].lists == "names")

    def _unfit(self, origin: str) -> str:
        return f"the zone lists {self._configs[origin].lists}"

    def _no_category(self, category: str) -> str:
        return f"the zone has no category {category!r}"
