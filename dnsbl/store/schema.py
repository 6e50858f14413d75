"""Numbered migrations: the tables, their constraints, and the triggers that write the journal.

A migration, once released, is never changed; the next one mends it. A name that
a constraint bears is what an operator reads in the `sqlite3` shell when a row
is refused, so it says what was expected.
"""

from __future__ import annotations

from typing import Final

from sqlite_utils import Database as SqliteUtils
from sqlite_utils import Migrations

from dnsbl.network import NETWORK_TEXT_CHARS_MAX
from dnsbl.store.access_key_table import ACCESS_KEYS
from dnsbl.store.columns import EXCLUSION_COLUMNS, KEY, LISTING_COLUMNS, TIME_MAX
from dnsbl.store.delist_tables import AFTERWARDS, DELISTING
from dnsbl.store.script import run
from dnsbl.store.triggers import (
    NOT_IN_BULK,
    drop_journal_triggers,
    grace_trigger,
    journal_triggers,
)
from dnsbl.store.version import SET
from dnsbl.store.widening import widen

MIGRATIONS: Final = Migrations(SET)  # each is named in `version` too

# Before the third migration.
_FIRST_LISTING_COLUMNS: Final = f"{KEY}, reason, source, evidence, listed_at, expires_at"

_ORIGIN_CHECK = """
    CONSTRAINT "zone: expected an origin in lower case without the last dot, such as bl.example"
    CHECK (length(zone) BETWEEN 1 AND 189 AND zone NOT GLOB '*[^a-z0-9._-]*'
           AND zone NOT GLOB '.*' AND zone NOT GLOB '*.' AND zone NOT GLOB '*..*')
"""

# Whether there are host bits, and which of two runs of zeros "::" stands for, is beyond SQL; those
# who read the rows check it. An import pays for this check by the row, so it stays with GLOB.
_NETWORK_CHECK = f"""
    CONSTRAINT "network: expected a prefix such as 192.0.2.1/32 or 2001:db8::/32, never /0"
    CHECK (length(network) <= {NETWORK_TEXT_CHARS_MAX} AND instr(network, char(0)) = 0 AND CASE
        WHEN instr(network, ':') = 0 THEN
            network GLOB '[0-9]*.[0-9]*.[0-9]*.[0-9]*/[1-9]*'
            AND network NOT GLOB '*[^0-9./]*'              -- nothing else in it
            AND network NOT GLOB '*.*.*.*.*'               -- four octets
            AND network NOT GLOB '*/*[./]*'                -- one length, and that last
            AND network NOT GLOB '*[0-9][0-9][0-9][0-9]*'  -- up to 255 each
            AND network NOT GLOB '*[3-9][0-9][0-9]*'
            AND network NOT GLOB '*2[6-9][0-9]*'
            AND network NOT GLOB '*25[6-9]*'
            AND network NOT GLOB '*.0[0-9]*'               -- no zeros before a number
            AND network NOT GLOB '0[0-9]*'
            AND CAST(substr(network, instr(network, '/') + 1) AS INTEGER) <= 32
        ELSE
            network GLOB '*:*:*/[1-9]*'
            AND network NOT GLOB '*[^0-9a-f:/]*'
            AND network NOT GLOB '*/*[:/]*'
            AND network NOT GLOB '*/*[^0-9]*'
            AND network NOT GLOB '*[^:/][^:/][^:/][^:/][^:/]*'  -- groups of four digits at most
            AND network NOT GLOB '*:0[^:/]*'
            AND network NOT GLOB '0[^:/]*'
            AND network NOT GLOB '*:::*'                   -- "::" once, or eight groups
            AND network NOT GLOB '*::*::*'
            AND network NOT GLOB ':[^:]*'
            AND network NOT GLOB '*[^:]:/*'
            AND network NOT GLOB '*:*:*:*:*:*:*:*:*'
            AND (instr(network, '::') > 0 OR network GLOB '*:*:*:*:*:*:*:*')
            AND CAST(substr(network, instr(network, '/') + 1) AS INTEGER) <= 128
    END)
"""

_SERIAL_TRIGGER = """
CREATE TRIGGER journal_serial AFTER INSERT ON journal BEGIN
    INSERT INTO zone_serials (zone, serial) VALUES (NEW.zone, NEW.seq)
    ON CONFLICT (zone) DO UPDATE SET serial = excluded.serial;
END;
"""

_FIRST = f"""
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Which database this is: another file under the same name is noticed by it.
INSERT INTO meta VALUES ('identity', lower(hex(randomblob(16))));

CREATE TABLE listings (
    zone TEXT NOT NULL {_ORIGIN_CHECK},
    network TEXT NOT NULL {_NETWORK_CHECK},
    category TEXT NOT NULL
        CONSTRAINT "category: expected 1 to 32 of a-z, 0-9, - and _"
        CHECK (length(category) BETWEEN 1 AND 32 AND category NOT GLOB '*[^a-z0-9_-]*'),
    reason TEXT NOT NULL DEFAULT ''
        CONSTRAINT "reason: expected at most 1000 characters" CHECK (length(reason) <= 1000),
    source TEXT NOT NULL DEFAULT ''
        CONSTRAINT "source: expected at most 255 characters" CHECK (length(source) <= 255),
    evidence TEXT NOT NULL DEFAULT ''
        CONSTRAINT "evidence: expected at most 10000 characters" CHECK (length(evidence) <= 10000),
    listed_at INTEGER NOT NULL DEFAULT (unixepoch())
        CONSTRAINT "listed_at: expected Unix seconds"
        CHECK (listed_at BETWEEN 0 AND {TIME_MAX}),
    expires_at INTEGER
        CONSTRAINT "expires_at: expected Unix seconds, or NULL for never"
        CHECK (expires_at BETWEEN 0 AND {TIME_MAX}),
    PRIMARY KEY (zone, network, category)
) STRICT, WITHOUT ROWID;

CREATE INDEX listings_by_expiry ON listings (expires_at) WHERE expires_at IS NOT NULL;

-- An exclusion of every category has the category ''. A grace exclusion follows a delisting: new
-- evidence, which is a listing of the very same network, voids it; imports pass it over.
CREATE TABLE exclusions (
    zone TEXT NOT NULL {_ORIGIN_CHECK},
    network TEXT NOT NULL {_NETWORK_CHECK},
    category TEXT NOT NULL DEFAULT ''
        CONSTRAINT "category: expected '' for all, or 1 to 32 of a-z, 0-9, - and _"
        CHECK (length(category) <= 32 AND category NOT GLOB '*[^a-z0-9_-]*'),
    reason TEXT NOT NULL DEFAULT ''
        CONSTRAINT "reason: expected at most 1000 characters" CHECK (length(reason) <= 1000),
    grace INTEGER NOT NULL DEFAULT 0
        CONSTRAINT "grace: expected 0 or 1" CHECK (grace IN (0, 1)),
    excluded_at INTEGER NOT NULL DEFAULT (unixepoch())
        CONSTRAINT "excluded_at: expected Unix seconds"
        CHECK (excluded_at BETWEEN 0 AND {TIME_MAX}),
    expires_at INTEGER
        CONSTRAINT "expires_at: expected Unix seconds, or NULL for never"
        CHECK (expires_at BETWEEN 0 AND {TIME_MAX}),
    PRIMARY KEY (zone, network, category)
) STRICT, WITHOUT ROWID;

CREATE INDEX exclusions_by_expiry ON exclusions (expires_at) WHERE expires_at IS NOT NULL;

-- The ordered log. It names the row that changed; its present state is in its own table.
CREATE TABLE journal (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL DEFAULT (unixepoch()),
    kind TEXT NOT NULL CHECK (kind = 'listing' OR kind = 'exclusion'),
    op TEXT NOT NULL CHECK (op = 'added' OR op = 'changed' OR op = 'removed'),
    zone TEXT NOT NULL,
    network TEXT NOT NULL,
    category TEXT NOT NULL
) STRICT;

CREATE INDEX journal_by_network ON journal (network);

-- `seq` is the SOA serial (modulo 2^32) of its zone. The journal begins at the time of its
-- creation, so that a database made anew has serials beyond those of the one before it, if that
-- one had less than one change a second over its life.
INSERT INTO sqlite_sequence (name, seq) VALUES ('journal', unixepoch());
INSERT INTO meta SELECT 'first_serial', seq FROM sqlite_sequence WHERE name = 'journal';

CREATE TABLE zone_serials (
    zone TEXT PRIMARY KEY,
    serial INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

{_SERIAL_TRIGGER}
CREATE TABLE delist_requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    status_hash BLOB NOT NULL UNIQUE CHECK (length(status_hash) = 32),
    address TEXT NOT NULL CHECK (length(address) BETWEEN 2 AND 45),
    mailbox TEXT NOT NULL CHECK (length(mailbox) BETWEEN 3 AND 254),
    mailbox_key TEXT NOT NULL CHECK (length(mailbox_key) BETWEEN 3 AND 254),
    mailbox_domain TEXT NOT NULL,
    client TEXT NOT NULL,
    language TEXT NOT NULL DEFAULT 'en',
    state TEXT NOT NULL CHECK (state IN (
        'requested', 'mail_queued', 'mail_sent', 'mail_failed', 'expired', 'cancelled',
        'confirmed', 'review', 'cooldown', 'delisted', 'refused', 'relisted')),
    note TEXT NOT NULL DEFAULT '' CHECK (length(note) <= 1000),
    created_at INTEGER NOT NULL,
    state_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX requests_by_address ON delist_requests (address, created_at);
CREATE INDEX requests_by_mailbox ON delist_requests (mailbox_key, created_at);
CREATE INDEX requests_by_domain ON delist_requests (mailbox_domain, created_at);
CREATE INDEX requests_by_client ON delist_requests (client, created_at);
CREATE INDEX requests_pending ON delist_requests (expires_at)
    WHERE state IN ('requested', 'mail_queued', 'mail_sent');
CREATE INDEX requests_in_review ON delist_requests (id) WHERE state = 'review';

-- Only the SHA-256 of a token is kept.
CREATE TABLE delist_tokens (
    token_hash BLOB PRIMARY KEY CHECK (length(token_hash) = 32),
    request_id INTEGER NOT NULL REFERENCES delist_requests (id) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX tokens_by_request ON delist_tokens (request_id);

-- Mailboxes whose owner said "this was not me": the SHA-256 of the mailbox key.
CREATE TABLE suppressions (
    mailbox_hash BLOB PRIMARY KEY CHECK (length(mailbox_hash) = 32),
    request_id INTEGER,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('confirm_mail')),
    request_id INTEGER NOT NULL REFERENCES delist_requests (id) ON DELETE CASCADE,
    message_id TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'failed')),
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at INTEGER NOT NULL,
    reply TEXT NOT NULL DEFAULT '' CHECK (length(reply) <= 1000),
    created_at INTEGER NOT NULL,
    done_at INTEGER
) STRICT;

CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE state = 'queued';
CREATE INDEX outbox_by_request ON outbox (request_id);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL CHECK (length(actor) BETWEEN 1 AND 255),
    act TEXT NOT NULL CHECK (length(act) BETWEEN 1 AND 64),
    zone TEXT NOT NULL DEFAULT '',
    network TEXT NOT NULL DEFAULT '',
    category TEXT NOT NULL DEFAULT '',
    request_id INTEGER,
    note TEXT NOT NULL DEFAULT '' CHECK (length(note) <= 1000)
) STRICT;

CREATE INDEX audit_by_network ON audit (network);
CREATE INDEX audit_by_request ON audit (request_id) WHERE request_id IS NOT NULL;
"""


@MIGRATIONS(name="0001_first")
def _first(db: SqliteUtils) -> None:
    run(db, _FIRST)
    run(db, journal_triggers("listings", "listing", _FIRST_LISTING_COLUMNS))
    run(db, journal_triggers("exclusions", "exclusion", EXCLUSION_COLUMNS))
    run(db, grace_trigger("listings_void_grace", "INSERT"))
    run(db, grace_trigger("listings_void_grace_moved", f"UPDATE OF {KEY}"))


# A constraint cannot be changed in place, so the journal is copied into a table of the new form.
# The triggers that write it are gone meanwhile: the renaming would find them broken.
_BULK = f"""
-- A row silences the triggers of its zone while a bulk import writes. Nobody but that transaction
-- sees it: `unkept` refers to a row that cannot be, so that a commit which left one is refused.
CREATE TABLE bulk_imports (
    zone TEXT PRIMARY KEY CHECK (zone <> ''),
    unkept TEXT NOT NULL DEFAULT '' CHECK (unkept = '')
        REFERENCES bulk_imports (zone) DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;

{drop_journal_triggers("listings")}
{drop_journal_triggers("exclusions")}

CREATE TABLE journal_copied (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL DEFAULT (unixepoch()),
    kind TEXT NOT NULL CHECK (kind = 'listing' OR kind = 'exclusion' OR kind = 'bulk'),
    op TEXT NOT NULL
        CHECK (op = 'added' OR op = 'changed' OR op = 'removed' OR op = 'imported'),
    zone TEXT NOT NULL,
    network TEXT NOT NULL,
    category TEXT NOT NULL,
    CHECK ((kind = 'bulk') = (op = 'imported'))
) STRICT;

INSERT INTO journal_copied (seq, at, kind, op, zone, network, category)
SELECT seq, at, kind, op, zone, network, category FROM journal ORDER BY seq;

-- Numbers go on from the last that was used, though its row may be gone.
DELETE FROM sqlite_sequence WHERE name = 'journal_copied';
UPDATE sqlite_sequence SET name = 'journal_copied' WHERE name = 'journal';
DROP TABLE journal;
ALTER TABLE journal_copied RENAME TO journal;

CREATE INDEX journal_by_network ON journal (network);
{_SERIAL_TRIGGER}
"""


@MIGRATIONS(name="0002_bulk_imports")
def _bulk_imports(db: SqliteUtils) -> None:
    # An operator's own views and triggers may name the journal, which is gone for a moment: the
    # renaming must not look into them.
    db.execute("PRAGMA legacy_alter_table = ON")
    try:
        run(db, _BULK)
    finally:
        db.execute("PRAGMA legacy_alter_table = OFF")
    run(db, journal_triggers("listings", "listing", _FIRST_LISTING_COLUMNS, NOT_IN_BULK))
    run(db, journal_triggers("exclusions", "exclusion", EXCLUSION_COLUMNS))


@MIGRATIONS(name="0003_names_and_texts")
def _names_and_texts(db: SqliteUtils) -> None:
    widen(db)
    # A text that changes is a change of the listing.
    run(db, drop_journal_triggers("listings"))
    run(db, journal_triggers("listings", "listing", LISTING_COLUMNS, NOT_IN_BULK))
    # Few have one; a start from the image reads those.
    db.execute("CREATE INDEX listings_with_text ON listings (zone) WHERE text <> ''")


@MIGRATIONS(name="0004_access_keys")
def _access_keys(db: SqliteUtils) -> None:
    run(db, ACCESS_KEYS)


@MIGRATIONS(name="0005_delisting")
def _delisting(db: SqliteUtils) -> None:
    # As above: an operator's views may name the outbox, which is gone for a moment.
    db.execute("PRAGMA legacy_alter_table = ON")
    try:
        run(db, DELISTING)
    finally:
        db.execute("PRAGMA legacy_alter_table = OFF")


@MIGRATIONS(name="0006_afterwards")
def _afterwards(db: SqliteUtils) -> None:
    run(db, AFTERWARDS)


def apply(db: SqliteUtils) -> None:
    """Brings a database up to this version's schema; the caller holds a write transaction."""
    MIGRATIONS.apply(db)
