"""Which migrations there are is told without the migrations themselves."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database as SqliteUtils

from dnsbl.store import schema, version
from dnsbl.store.database import open_reader, open_writer


def test_every_migration_is_named() -> None:
    """In the order in which they are applied."""
    with closing(SqliteUtils(memory=True)) as nothing_applied:
        names = [migration.name for migration in schema.MIGRATIONS.pending(nothing_applied)]

    assert list(version.NAMES) == names


def test_a_database_has_what_sqlite_utils_says(tmp_path: Path) -> None:
    """Both look into the same table."""
    with closing(open_writer(tmp_path / "db")) as database:
        names = [migration.name for migration in schema.MIGRATIONS.applied(database.db)]

        assert version.applied(database.connection) == names == list(version.NAMES)
        assert not version.pending(database.connection)


def test_a_reader_does_without_sqlite_utils(tmp_path: Path) -> None:
    """It costs megabytes, and with what else it imports where that is installed, twenty."""
    open_writer(tmp_path / "db").close()
    open_reader(tmp_path / "db").close()
    program = """
import sys
from pathlib import Path
from dnsbl.store.database import open_reader, open_writer
open_reader(Path(sys.argv[1])).close()
open_writer(Path(sys.argv[1])).close()  # nothing is to be migrated
assert "sqlite_utils" not in sys.modules
"""

    subprocess.run([sys.executable, "-c", program, str(tmp_path / "db")], check=True)
