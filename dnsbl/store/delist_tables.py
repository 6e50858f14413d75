"""What requests came to, what hooks are told of it, and who may decide: text for a migration."""

from __future__ import annotations

from typing import Final

_LINE_CHARS_MAX: Final = 1000  # of a reason or a note

# The outbox learns another kind of mail. A constraint cannot be changed in place, and a queue is
# short, so it is copied; no other table refers to it.
DELISTING: Final = f"""
ALTER TABLE delist_requests ADD COLUMN confirmed_at INTEGER;
ALTER TABLE delist_requests ADD COLUMN until INTEGER;

CREATE INDEX requests_in_cooldown ON delist_requests (expires_at) WHERE state = 'cooldown';
CREATE INDEX requests_by_state ON delist_requests (state, id);

-- What a confirmed request came to, for each listing that it was about.
CREATE TABLE request_items (
    request_id INTEGER NOT NULL REFERENCES delist_requests (id) ON DELETE CASCADE,
    zone TEXT NOT NULL,
    category TEXT NOT NULL,
    network TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('delisted', 'cooldown', 'review', 'refused')),
    rule TEXT NOT NULL CHECK (length(rule) BETWEEN 1 AND 64),
    reason TEXT NOT NULL DEFAULT '' CHECK (length(reason) <= {_LINE_CHARS_MAX}),
    note TEXT NOT NULL DEFAULT '' CHECK (length(note) <= {_LINE_CHARS_MAX}),
    until INTEGER,
    at INTEGER NOT NULL,
    PRIMARY KEY (request_id, zone, category)
) STRICT, WITHOUT ROWID;

-- Every delisting on request: relapse is counted from it.
CREATE TABLE delistings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    zone TEXT NOT NULL,
    network TEXT NOT NULL,
    category TEXT NOT NULL,
    at INTEGER NOT NULL,
    request_id INTEGER,
    relisted_at INTEGER
) STRICT;

CREATE INDEX delistings_by_network ON delistings (network, zone, category, at);
CREATE INDEX delistings_by_time ON delistings (at);
CREATE INDEX delistings_not_relisted ON delistings (zone, network, category)
    WHERE relisted_at IS NULL;

-- What is to be told to hooks, written in the transaction in which it happens.
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uid TEXT NOT NULL UNIQUE DEFAULT ('msg_' || lower(hex(randomblob(16)))),
    at INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 64),
    subject TEXT NOT NULL,
    zone TEXT NOT NULL DEFAULT '',
    category TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '' CHECK (length(reason) <= {_LINE_CHARS_MAX}),
    request_id INTEGER
) STRICT;

CREATE TABLE hooks (
    name TEXT PRIMARY KEY,
    event_id INTEGER NOT NULL,
    disabled_at INTEGER,
    disabled_why TEXT NOT NULL DEFAULT '' CHECK (length(disabled_why) <= {_LINE_CHARS_MAX})
) STRICT, WITHOUT ROWID;

CREATE TABLE hook_deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hook TEXT NOT NULL,
    event_id INTEGER NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    subject TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'delivered', 'dead')),
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at INTEGER NOT NULL,
    answer TEXT NOT NULL DEFAULT '' CHECK (length(answer) <= {_LINE_CHARS_MAX}),
    created_at INTEGER NOT NULL,
    done_at INTEGER,
    UNIQUE (hook, event_id)
) STRICT;

CREATE INDEX deliveries_due ON hook_deliveries (hook, next_attempt_at) WHERE state = 'queued';
CREATE INDEX deliveries_in_order ON hook_deliveries (hook, subject, id) WHERE state = 'queued';
CREATE INDEX deliveries_by_event ON hook_deliveries (event_id);
CREATE INDEX deliveries_dead ON hook_deliveries (hook, id) WHERE state = 'dead';

-- Only the SHA-256 of a token is kept.
CREATE TABLE api_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER
) STRICT;

-- A day is a Unix time divided by 86400.
CREATE TABLE daily_counts (
    day INTEGER NOT NULL,
    zone TEXT NOT NULL,
    added INTEGER NOT NULL DEFAULT 0,
    removed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (day, zone)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox_copied (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('confirm_mail', 'decision_mail')),
    request_id INTEGER NOT NULL REFERENCES delist_requests (id) ON DELETE CASCADE,
    message_id TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'failed')),
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at INTEGER NOT NULL,
    reply TEXT NOT NULL DEFAULT '' CHECK (length(reply) <= {_LINE_CHARS_MAX}),
    created_at INTEGER NOT NULL,
    done_at INTEGER
) STRICT;

INSERT INTO outbox_copied SELECT id, kind, request_id, message_id, state, attempts,
    next_attempt_at, reply, created_at, done_at FROM outbox ORDER BY id;
DELETE FROM sqlite_sequence WHERE name = 'outbox_copied';
UPDATE sqlite_sequence SET name = 'outbox_copied' WHERE name = 'outbox';
DROP TABLE outbox;
ALTER TABLE outbox_copied RENAME TO outbox;

CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE state = 'queued';
CREATE INDEX outbox_by_request ON outbox (request_id);
"""

# What a removal would take off, so that limits count by that; how a delisting ended where nothing
# new was seen; which listing an event is about; when a mail was last tried, so that the limit of
# mails a minute outlives a restart; and whose mailbox and client are still known.
AFTERWARDS: Final = """
ALTER TABLE delist_requests ADD COLUMN subject TEXT NOT NULL DEFAULT '';
UPDATE delist_requests
SET subject = address || CASE WHEN instr(address, ':') THEN '/128' ELSE '/32' END;
CREATE INDEX requests_by_subject ON delist_requests (subject, created_at);
CREATE INDEX requests_to_forget ON delist_requests (state_at) WHERE client <> '' AND state NOT IN
    ('requested', 'mail_queued', 'mail_sent', 'confirmed', 'review', 'cooldown');

ALTER TABLE delistings ADD COLUMN lapsed_at INTEGER;
DROP INDEX delistings_not_relisted;
CREATE INDEX delistings_open ON delistings (zone, network, category)
    WHERE relisted_at IS NULL AND lapsed_at IS NULL;

ALTER TABLE events ADD COLUMN network TEXT NOT NULL DEFAULT '';

ALTER TABLE outbox ADD COLUMN attempted_at INTEGER;
CREATE INDEX outbox_by_attempt ON outbox (attempted_at) WHERE attempted_at IS NOT NULL;
"""
