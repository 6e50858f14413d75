"""Random histories of the listings are told as they were, against a model."""

from __future__ import annotations

import atexit
import functools
import itertools
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from hypothesis import given
from hypothesis import strategies as st
from portal import START
from watching import ZONE, Told, add, delist, exclude, read, remove, told

from api.expiry import end_overdue
from dnsbl.network import parse
from dnsbl.store import exclusions
from dnsbl.store.database import Database, open_writer

NETWORKS = ("192.0.2.1/32", "192.0.2.2/32", "2001:db8::/64")
CATEGORIES = ("spam", "policy")
KEYS = st.tuples(st.sampled_from(NETWORKS), st.sampled_from(CATEGORIES))


@functools.cache
def new_database() -> Path:
    """One that was looked at once, for all examples to begin with."""
    path = Path(mkdtemp()) / "listings.sqlite3"
    atexit.register(shutil.rmtree, path.parent)
    with closing(open_writer(path)) as database:
        read(database)
    return path


class Model:
    """What should be told of random changes, kept beside the database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.listed: set[tuple[str, str]] = set()
        self.excluded: set[tuple[str, str]] = set()
        self.open: set[tuple[str, str]] = set()  # delisted, and not listed again
        self.added: set[tuple[str, str]] = set()  # or no longer excluded, since the last look
        self.expected: list[Told] = []
        self.relapses: Counter[tuple[str, str]] = Counter()

    def say(self, kind: str, key: tuple[str, str]) -> None:
        self.expected.append((kind, ZONE, *key))

    def add(self, key: tuple[str, str], *, expires: bool = False) -> None:
        if key in self.listed:
            return
        add(self.database, *key, expires_at=START if expires else None)
        # The command voids a grace before it lists.
        row = self.database.row(
            "SELECT count(*) FROM exclusions WHERE (network, category) = (?, ?)", *key
        )
        assert row is not None
        if key in self.excluded and not row[0]:
            self.excluded.discard(key)
            self.say("exclusion.removed", key)
        self.listed.add(key)
        self.added.add(key)
        self.say("listing.added", key)

    def remove(self, key: tuple[str, str]) -> None:
        if key in self.listed:
            self.say("listing.removed", key)
        self.listed.discard(key)
        remove(self.database, *key)

    def expire(self, key: tuple[str, str]) -> None:
        if key not in self.listed:
            self.add(key, expires=True)
            self.listed.discard(key)
            self.say("listing.expired", key)
            end_overdue(self.database, START)

    def change(self, key: tuple[str, str]) -> None:
        self.database.change(
            "UPDATE listings SET evidence = evidence || 'x' WHERE (network, category) = (?, ?)",
            *key,
        )

    def exclude(self, key: tuple[str, str]) -> None:
        if key not in self.excluded:
            exclude(self.database, *key)
            self.excluded.add(key)
            self.say("exclusion.added", key)

    def unexclude(self, key: tuple[str, str]) -> None:
        if key in self.excluded:
            exclusions.unexclude(self.database, ZONE, parse(key[0]), key[1])
            self.excluded.discard(key)
            self.added.add(key)
            self.say("exclusion.removed", key)

    def delist(self, key: tuple[str, str]) -> None:
        self.remove(key)
        if key not in self.excluded:
            delist(self.database, *key)
            self.excluded.add(key)
            self.say("exclusion.added", key)
        else:
            delist(self.database, *key, grace_s=None)
        self.open.add(key)

    def look(self, limit: int) -> None:
        for key in self.open & self.added & self.listed - self.excluded:
            self.relapses[key] += 1
            self.open.discard(key)
        self.added.clear()
        read(self.database, limit)


STEPS: dict[str, Callable[[Model, tuple[str, str]], None]] = {
    "add": Model.add, "remove": Model.remove, "expire": Model.expire, "change": Model.change,
    "exclude": Model.exclude, "unexclude": Model.unexclude, "delist": Model.delist,
}  # fmt: skip


@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from(sorted(STEPS)), KEYS),
            st.tuples(st.just("look"), st.integers(1, 5)),
        ),
        max_size=40,
    )
)
def test_every_history_is_told_as_it_was(steps: list[tuple[str, object]]) -> None:
    """Against a model: each change once, in order, and each relapse right behind its cause."""
    with TemporaryDirectory() as folder:
        database = open_writer(Path(shutil.copy(new_database(), folder)))
        database.change("PRAGMA synchronous = OFF")
        model = Model(database)
        for name, argument in [*steps, ("look", 3)]:
            if name == "look":
                model.look(argument)  # type: ignore[arg-type]
            else:
                STEPS[name](model, argument)  # type: ignore[arg-type]
        happened = told(database)
        database.close()

    relisted = [one for one in happened if one[0] == "listing.relisted"]
    assert [one for one in happened if one[0] != "listing.relisted"] == model.expected
    assert Counter((one[2], one[3]) for one in relisted) == model.relapses
    for before, one in itertools.pairwise(happened):
        if one[0] == "listing.relisted":
            assert before[0] in ("listing.added", "exclusion.removed")
            assert before[1:] == one[1:]
