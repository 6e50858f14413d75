"""Whether the file is sound, and its rows belong together."""

from __future__ import annotations

import shlex

from dnsbl.store.database import Database


def integrity_problems(database: Database) -> list[str]:
    """What SQLite's own checks find wrong with the file; empty if it is sound.

    Raises DatabaseCorruptError where it is too damaged to be checked.
    """
    found = [str(row[0]) for row in database.rows("PRAGMA integrity_check(20)")]
    return [problem for problem in found if problem != "ok"] + _orphans(database)


def _orphans(database: Database) -> list[str]:
    """A sentence for all rows that belong to rows which are gone, with what deletes them; or none.

    A client that does not heed foreign keys leaves them behind; it is all that is wrong with them.
    """
    keys = database.rows(
        """
        SELECT broken."table" AS child, broken.parent, key."from" AS child_key,
               key."to" AS parent_key, count(*) AS n
        FROM pragma_foreign_key_check AS broken
             JOIN pragma_foreign_key_list(broken."table") AS key ON key.id = broken.fkid
        GROUP BY 1, 2, 3, 4
        """
    )
    if not keys:
        return []
    found = ", ".join(f"{key['n']} of {key['child']} to {key['parent']}" for key in keys)
    sql = "; ".join(
        f"DELETE FROM {key['child']} WHERE {key['child_key']} "
        f"NOT IN (SELECT {key['parent_key']} FROM {key['parent']})"
        for key in keys
    )
    command = f'sqlite3 -cmd ".timeout 5000" {shlex.quote(str(database.path))} "{sql}"'
    return [f"rows belong to others that are gone ({found}); `{command}` deletes them"]
