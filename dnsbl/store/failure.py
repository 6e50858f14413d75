"""What SQLite says when something is wrong, as one sentence that an operator can act on.

Missing, corrupt, locked, full, of a newer schema: each is a StoreError of its own, for callers that
have another answer to it than to stop.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dnsbl.errors import DnsblError


class StoreError(DnsblError):
    """The database cannot do what was asked just now, or at all."""


class DatabaseMissingError(StoreError):
    """There is no database file."""


class DatabaseCorruptError(StoreError):
    """The file is damaged, or not a database of ours."""


class DatabaseLockedError(StoreError):
    """Another writer held the lock for longer than we wait."""


class DatabaseFullError(StoreError):
    """The disk is full, or the file may not be written."""


class SchemaError(StoreError):
    """The database's schema is newer than this program, or older where it may not be changed."""


class InvalidRowError(StoreError):
    """A row that the constraints of the schema refuse."""


# SQLite makes the log's index, FILE-shm, at the first opening, in whatever mode that is.
_FOLDER_NEEDED: Final = (
    "is in a folder that may not be written; even a reader needs that, "
    "unless a program that writes has the database open"
)
# By SQLite's extended code where there is an entry for it, else by its primary one.
_CODE_ERRORS: Final[dict[int, tuple[type[StoreError], str]]] = {
    sqlite3.SQLITE_BUSY: (DatabaseLockedError, "is locked by another program; try again later"),
    sqlite3.SQLITE_LOCKED: (DatabaseLockedError, "is locked by another program; try again later"),
    sqlite3.SQLITE_PROTOCOL: (DatabaseLockedError, "is locked by another program; try again later"),
    sqlite3.SQLITE_CORRUPT: (
        DatabaseCorruptError,
        "is damaged; restore a copy, or save what can be read with `sqlite3 FILE .recover`",
    ),
    sqlite3.SQLITE_NOTADB: (DatabaseCorruptError, "is not an SQLite database, or is damaged"),
    sqlite3.SQLITE_FULL: (DatabaseFullError, "cannot grow: the disk is full; nothing was changed"),
    sqlite3.SQLITE_READONLY: (DatabaseFullError, "may not be written; nothing was changed"),
    sqlite3.SQLITE_READONLY_DIRECTORY: (DatabaseFullError, _FOLDER_NEEDED),
    sqlite3.SQLITE_READONLY_CANTINIT: (DatabaseFullError, _FOLDER_NEEDED),
    sqlite3.SQLITE_IOERR: (DatabaseFullError, "cannot be read or written: the disk reports errors"),
    sqlite3.SQLITE_CANTOPEN: (
        DatabaseMissingError,
        "cannot be opened; may this user read and write it and its folder?",
    ),
    sqlite3.SQLITE_CONSTRAINT: (InvalidRowError, "refuses the row"),
}


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns SQLite's errors inside the block into a StoreError that names the file.

    What SQLite's Python module says of its use (a closed connection, say) is a
    bug of ours, and stays what it is.
    """
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", -1)
        known = _CODE_ERRORS.get(code) or _CODE_ERRORS.get(code & 0xFF)
        kind, sentence = known or (StoreError, "cannot be used")
        raise kind(f"{path}: {sentence} ({error})") from error
