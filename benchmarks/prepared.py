"""The product's database of a list, made by its own import and kept from run to run.

It is kept by the list's name and the database's schema. The import goes on
while the product serves, and what it took is a figure; that is kept beside the
database, and measured anew with `--fresh`.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ports import free_port
from benchmarks.questions import ANSWER, NEGATIVE_TTL_S, ORIGIN, TEXT, TTL_S, BenchList
from dnsbl.store.database import open_writer

_ZONE = f"""\
origin = "{ORIGIN}"
nameservers = ["ns1.{ORIGIN}"]
hostmaster = "hostmaster@{ORIGIN}"
ttl_s = {TTL_S}
negative_ttl_s = {NEGATIVE_TTL_S}
[category.spam]
answer = "{ANSWER}"
text = "{TEXT}"
delist = "self"
"""
CATEGORY = "spam"
DATABASE = "listings.sqlite3"
IMPORTED = "imported.json"  # its figures, written last: the database is whole
_DATABASE_FILES = {DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"}
_STATUS_FILES = {"dns.json"}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A folder with a configuration, a zone and a database, as an operator would have it."""

    folder: Path

    @property
    def config_file(self) -> Path:
        """Of the server."""
        return self.folder / "dnsbl.toml"

    @property
    def data(self) -> Path:
        """The folder of the database."""
        return self.folder / "data"

    @property
    def database(self) -> Path:
        """The truth."""
        return self.data / DATABASE

    @property
    def imported(self) -> Path:
        """The figures of the import."""
        return self.folder / IMPORTED

    def configure(self, port: int, workers: int = 1) -> None:
        """Writes the configuration; the portal's port is named, but nobody listens there."""
        portal = f"127.0.0.1:{free_port()}"
        zones = self.folder / "zones"
        zones.mkdir(parents=True, exist_ok=True)
        (zones / f"{ORIGIN}.toml").write_text(_ZONE)
        self.config_file.write_text(
            f"""\
zones = "zones"
[data]
directory = "data"
[dns]
listen = ["127.0.0.1:{port}"]
workers = {workers}
[portal]
listen = "{portal}"
public_url = "http://{portal}"
"""
        )

    def make_empty(self) -> None:
        """A database without a listing in place of whatever was there."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.configure(free_port())
        self.data.mkdir(mode=0o700)
        open_writer(self.database).close()

    def extras(self) -> list[Path]:
        """Files beside the database that a server made so as to start faster."""
        known = _DATABASE_FILES | _STATUS_FILES
        return [file for file in self.data.iterdir() if file.is_file() and file.name not in known]

    def octets(self, more: str = "") -> int:
        """The size of the database's file, or with "-wal" of its log."""
        file = self.data / f"{DATABASE}{more}"
        return file.stat().st_size if file.exists() else 0


def schema_key() -> str:
    """Tells one schema of the database from another."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / DATABASE
        open_writer(file).close()
        with closing(sqlite3.connect(file)) as database:
            rows = database.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2")
            return hashlib.sha256(repr(rows.fetchall()).encode()).hexdigest()[:12]


def place(served: BenchList, folder: Path) -> Prepared:
    """Where a list's database is, or will be."""
    return Prepared(folder / f"{served.feed.parent.name}-{schema_key()}")
