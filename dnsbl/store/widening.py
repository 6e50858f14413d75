"""Names beside networks, and texts of listings: two tables learn them in place.

SQLite changes no constraint of a table, and to copy one of ten million rows
takes minutes and its size on disk once more. The constraint that stood here
before refuses no less than the new one, and a column at the end of a table is
in no row until it is written; so the texts of the tables alone are changed, by
the procedure of https://sqlite.org/lang_altertable.html#otheralter.
"""

from __future__ import annotations

from typing import Final

from sqlite_utils import Database as SqliteUtils

from dnsbl.errors import DnsblError
from dnsbl.name import DOMAIN_CHARS_MAX, LABEL_CHARS_MAX, NAME_TEXT_CHARS_MAX
from dnsbl.network import NETWORK_TEXT_CHARS_MAX

TEXT_OCTETS_MAX: Final = 1000  # as of a category's text


class AlteredTableError(DnsblError):
    """A table that is not as a migration of ours made it, so that the next one cannot go on."""


# A network has a slash, a name never. What a network is, is not changed here.
_NETWORK_BEGINNING: Final = f"""
    CONSTRAINT "network: expected a prefix such as 192.0.2.1/32 or 2001:db8::/32, never /0"
    CHECK (length(network) <= {NETWORK_TEXT_CHARS_MAX} AND instr(network, char(0)) = 0 AND CASE
        WHEN instr(network, ':') = 0 THEN
"""
# Of a name, only the numbers of RFC 1035 §2.3.4 and what ends in a number take more than GLOB.
_SUBJECT_BEGINNING: Final = f"""
    CONSTRAINT "network: expected a prefix such as 192.0.2.1/32 or 2001:db8::/32, never /0; or a \
name such as example.com, *.example.com or .example.com"
    CHECK (length(network) <= {NAME_TEXT_CHARS_MAX} AND instr(network, char(0)) = 0 AND CASE
        WHEN instr(network, '/') = 0 THEN
            network NOT GLOB '*[^a-z0-9._*-]*'
            AND network NOT GLOB '?*[*]*'                  -- a star before all else, or nowhere
            AND (network NOT GLOB '[*]*' OR network GLOB '[*].*')
            AND network NOT GLOB '*..*'
            AND rtrim(network, '0123456789') <> ''         -- an address, or the end of one
            AND rtrim(network, '0123456789') NOT GLOB '*.'
            AND length(ltrim(network, '*.')) <= {DOMAIN_CHARS_MAX}
            AND (length(network) <= {LABEL_CHARS_MAX}
                 OR network NOT GLOB '*{"[^.]" * (LABEL_CHARS_MAX + 1)}*')
        WHEN length(network) > {NETWORK_TEXT_CHARS_MAX} THEN 0
        WHEN instr(network, ':') = 0 THEN
"""

_LISTINGS_END: Final = "    PRIMARY KEY (zone, network, category)\n"
# A line or a field of `journal.chunks` must not end inside a text.
_TEXT_COLUMN: Final = f"""\
    text TEXT NOT NULL DEFAULT ''
        CONSTRAINT "text: expected at most {TEXT_OCTETS_MAX} octets without control characters"
        CHECK (length(CAST(text AS BLOB)) <= {TEXT_OCTETS_MAX} AND instr(text, char(0)) = 0
               AND text NOT GLOB ('*[' || char(1) || '-' || char(31) || ']*')),
"""


def widen(db: SqliteUtils) -> None:
    """Changes both tables inside the caller's transaction. Raises AlteredTableError."""
    db.execute("PRAGMA writable_schema = ON")
    try:
        _amend(db, "listings", ((_NETWORK_BEGINNING, _SUBJECT_BEGINNING),
                                (_LISTINGS_END, _TEXT_COLUMN + _LISTINGS_END)))  # fmt: skip
        _amend(db, "exclusions", ((_NETWORK_BEGINNING, _SUBJECT_BEGINNING),))
        (version,) = db.execute("PRAGMA schema_version").fetchone()
        db.execute(f"PRAGMA schema_version = {int(version) + 1}")
    finally:
        db.execute("PRAGMA writable_schema = RESET")  # off, and the tables are read anew
    for table in ("listings", "exclusions"):  # an error here undoes it all
        db.execute(f"SELECT * FROM {table} LIMIT 1").fetchall()


def _amend(db: SqliteUtils, table: str, amendments: tuple[tuple[str, str], ...]) -> None:
    (sql,) = db.execute(
        "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", [table]
    ).fetchone()
    amended = str(sql)
    for old, new in amendments:
        if amended.count(old) != 1:
            raise AlteredTableError(
                f"the table {table} is not as dnsbl made it, and cannot be brought up to date; "
                "export its rows, and import them into a new database"
            )
        amended = amended.replace(old, new)
    db.execute(
        "UPDATE sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?", [amended, table]
    )
