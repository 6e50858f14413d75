"""What a large feed lists, set by set: one statement for thousands of rows, one row of the journal.

For ten million rows it takes a tenth of the time that they would take one by
one. What makes the difference: the rows come in the order of their keys; SQLite
takes the texts of a statement out of one JSON array; the constraints, which for
a network or a name cost more than all else, are asked only of the first rows,
and the journal is not written row by row.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from dnsbl.store import statistics
from dnsbl.store.columns import LISTING_COLUMNS
from dnsbl.store.database import Database
from dnsbl.store.listings import Batch

# A feed of more networks comes in here, and changes of more rows are one row of the journal: to
# follow so many one by one takes the DNS server about as long as to read a million rows anew.
BULK_ROWS_MIN: Final = 10_000
# Rows of a statement. What it changes is held in memory until it has succeeded: at worst a page of
# 4 KiB for each row.
BATCH_ROWS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Common:
    """What all listings of a feed have in common; times in Unix seconds, None for never."""

    zone: str
    category: str
    reason: str
    source: str
    listed_at: int
    expires_at: int | None


# How many networks or names, and their canonical texts as a JSON array. They are beyond doubt: each
# is what `str` makes of a Network that may be listed, or of a Name.
NetworkBatches = Iterable[tuple[int, str]]


class _TooManyChangesError(Exception):
    """More rows change than should be journaled one by one."""


# By the rules of `listings.add_many`: a text that an operator wrote stays.
_GRACE: Final = """
    SELECT network FROM exclusions
    WHERE grace = 1 AND zone = ? AND category IN ('', ?)
      AND (expires_at IS NULL OR expires_at > ?)
"""
_INSERT: Final = f"""
    INSERT INTO listings ({LISTING_COLUMNS})
    SELECT ?, value, ?, ?, ?, '', ?, ?, '' FROM json_each(?) WHERE {{condition}}
    ON CONFLICT (zone, network, category)
"""  # the columns are a constant
_ADD_NEW: Final = f"{_INSERT} DO NOTHING"
_UPSERT: Final = f"""{_INSERT} DO UPDATE
    SET reason = excluded.reason, source = excluded.source, evidence = excluded.evidence,
        expires_at = excluded.expires_at
    WHERE (reason, source, evidence, expires_at)
          IS NOT (excluded.reason, excluded.source, excluded.evidence, excluded.expires_at)
"""


def add_in_bulk(
    database: Database,
    common: Common,
    networks: Callable[[int], NetworkBatches],
    on_progress: Callable[[int], None],
) -> Batch:
    """Lists networks inside the caller's transaction; what became of them.

    As `listings.add_many` would, but for the journal: where more than
    BULK_ROWS_MIN rows change, one row of it says that many listings of the zone
    did. Rows change one by one until they turn out to be too many; then all is
    undone and begun anew without the triggers.

    ``networks`` gives all of them, in the order of their texts and in batches of
    at most so many, and is called twice where it must be. ``on_progress`` hears
    how many are done. Raises StoreError; InvalidRowError where a constraint
    refuses what they have in common.
    """
    assert database.in_transaction, "a feed is imported whole, or not at all"
    graces = (common.zone, common.category, common.listed_at)
    has_graces = database.row(f"{_GRACE} LIMIT 1", *graces) is not None

    def write(changes_max: int | None) -> Batch:
        read = changed = added = in_grace = 0
        for count, texts in networks(BATCH_ROWS):
            passed = _count_graces(database, texts, graces) if has_graces else 0
            insert = _Insert(database, common, texts, graces if has_graces else None)
            checked = read == 0 and changes_max is not None
            with contextlib.nullcontext() if checked else _unchecked(database):
                # What is new goes first and alone, to be counted: what is journaled row by row is
                # counted by who follows the journal.
                new = insert(_ADD_NEW) if changes_max is None else 0
                # Of a feed that is all new, which is the longest to bring in, nothing is left.
                changed += new + (insert(_UPSERT) if new < count - passed else 0)
            if changes_max is not None and changed > changes_max:
                raise _TooManyChangesError
            read += count
            added += new
            in_grace += passed
            on_progress(read)
        statistics.count(database, statistics.day_of(common.listed_at), common.zone, added=added)
        return Batch(read, changed, in_grace)

    with contextlib.suppress(_TooManyChangesError), database.transaction():
        return write(changes_max=BULK_ROWS_MIN)
    with _silenced(database, common):
        return write(changes_max=None)


@dataclass(frozen=True, slots=True)
class _Insert:
    """A batch to be listed. Called with a statement, it says how many rows that changed."""

    database: Database
    common: Common
    texts: str
    graces: tuple[object, ...] | None

    def __call__(self, statement: str) -> int:
        common = self.common
        condition = "true" if self.graces is None else f"value NOT IN ({_GRACE})"
        return self.database.change(
            statement.format(condition=condition),
            common.zone, common.category, common.reason, common.source, common.listed_at,
            common.expires_at, self.texts, *(self.graces or ()),
        )  # fmt: skip


def _count_graces(database: Database, texts: str, graces: tuple[object, ...]) -> int:
    """How many of a batch are passed over."""
    row = database.row(
        f"SELECT count(*) FROM json_each(?) WHERE value IN ({_GRACE})", texts, *graces
    )
    assert row is not None
    return int(row[0])


@contextlib.contextmanager
def _unchecked(database: Database) -> Iterator[None]:
    """Rows go in without being asked for what is certain already."""
    database.change("PRAGMA ignore_check_constraints = ON")
    try:
        yield
    finally:
        database.change("PRAGMA ignore_check_constraints = OFF")


@contextlib.contextmanager
def _silenced(database: Database, common: Common) -> Iterator[None]:
    """The block's changes of the zone's listings become one row of the journal."""
    # A client that heeds no foreign keys may have left the zone's row behind; it goes here.
    database.change(
        "INSERT INTO bulk_imports (zone) VALUES (?) ON CONFLICT (zone) DO NOTHING", common.zone
    )
    yield
    database.change("DELETE FROM bulk_imports WHERE zone = ?", common.zone)
    database.change(
        "INSERT INTO journal (kind, op, zone, network, category) "
        "VALUES ('bulk', 'imported', ?, '', ?)",
        common.zone, common.category,
    )  # fmt: skip
