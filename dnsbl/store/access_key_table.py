"""The table of the keys that clients ask with: text for a migration of `schema`."""

from __future__ import annotations

from typing import Final

VERSION_KEY: Final = "access_keys_version"  # in `meta`

_BUMP: Final = f"UPDATE meta SET value = value + 1 WHERE key = '{VERSION_KEY}'"

# Who follows the table reads it anew when the number in `meta` is another one. It is an UPDATE: an
# INSERT inside a trigger would take over the conflict clause of the statement that set it off.
ACCESS_KEYS: Final = f"""
CREATE TABLE access_keys (
    key_hash BLOB PRIMARY KEY
        CONSTRAINT "key_hash: expected the SHA-256 of the key in lower case, 32 octets"
        CHECK (length(key_hash) = 32),
    zone TEXT NOT NULL
        CONSTRAINT "zone: expected an origin in lower case without the last dot, such as bl.example"
        CHECK (length(zone) BETWEEN 1 AND 189 AND zone NOT GLOB '*[^a-z0-9._-]*'
               AND zone NOT GLOB '.*' AND zone NOT GLOB '*.' AND zone NOT GLOB '*..*'),
    holder TEXT NOT NULL
        CONSTRAINT "holder: expected 1 to 64 of a-z, 0-9, dot, - and _, beginning with a-z or 0-9"
        CHECK (length(holder) BETWEEN 1 AND 64 AND holder NOT GLOB '*[^a-z0-9._-]*'
               AND holder GLOB '[a-z0-9]*'),
    quota_per_day INTEGER
        CONSTRAINT "quota_per_day: expected 1 to 1000000000000 queries, or NULL for no limit"
        CHECK (quota_per_day BETWEEN 1 AND 1000000000000),
    created_at INTEGER NOT NULL DEFAULT (unixepoch())
        CONSTRAINT "created_at: expected Unix seconds"
        CHECK (created_at BETWEEN 0 AND 100000000000),
    expires_at INTEGER
        CONSTRAINT "expires_at: expected Unix seconds, or NULL for never"
        CHECK (expires_at BETWEEN 0 AND 100000000000),
    revoked_at INTEGER
        CONSTRAINT "revoked_at: expected Unix seconds, or NULL while the key is good"
        CHECK (revoked_at BETWEEN 0 AND 100000000000)
) STRICT, WITHOUT ROWID;

-- By the name of its holder a key is counted, listed and revoked: one that is not revoked each.
CREATE UNIQUE INDEX access_keys_by_holder ON access_keys (zone, holder) WHERE revoked_at IS NULL;

INSERT INTO meta VALUES ('{VERSION_KEY}', '0');

CREATE TRIGGER access_keys_added AFTER INSERT ON access_keys BEGIN {_BUMP}; END;
CREATE TRIGGER access_keys_changed AFTER UPDATE ON access_keys BEGIN {_BUMP}; END;
CREATE TRIGGER access_keys_removed AFTER DELETE ON access_keys BEGIN {_BUMP}; END;
"""
