"""The secrets of DNS cookies: read from the operator's file, or made and kept by us.

A file of the operator's is read again when it changes, so that several servers
may share it (RFC 9018 §5). Without one, a secret is made and renewed each day,
the one before it still being accepted; both are kept beside the database, so that
a restart voids no cookie.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from dnsbl.wire.cookie import Secrets, SecretsError, read_secrets
from dnsbl.wire.siphash import KEY_BYTES

SECRETS_NAME: Final = "cookie.secrets"
RENEWED_AFTER_S: Final = 86_400  # RFC 9018 §4: once a month would do
FILE_BYTES_MAX: Final = 65_536  # of a file that is meant to hold a few lines
FILE_MODE: Final = 0o600

_MADE_AT: Final = "# made at "  # the Unix second of the first secret, in the file that we keep
_MADE_AT_LINE: Final = re.compile(_MADE_AT + r"([0-9]{1,12})\n")

_log = structlog.get_logger()

MakeKey = Callable[[int], bytes]


class CookieSecrets:
    """The secrets that count now; `refresh` keeps them so, and is called every few seconds.

    With ``file`` they are the operator's. Raises SecretsError where that holds
    none at the start; later on, what was read before stays. Else they are ours,
    in a file in ``directory``; where that cannot be written they live in memory.
    """

    def __init__(
        self,
        file: Path | None,
        directory: Path,
        now: Callable[[], float] = time.time,
        make_key: MakeKey = secrets.token_bytes,
    ) -> None:
        self._is_ours = file is None
        self._file = directory / SECRETS_NAME if file is None else file
        self._now = now
        self._make_key = make_key
        self._made_at = 0
        self._seen: object = None
        self.secrets = self._begin()

    def _begin(self) -> Secrets:
        self._seen = self._stamp()
        if not self._is_ours:
            return self._read()
        with contextlib.suppress(SecretsError):  # there is none yet, or what is there is damaged
            self.secrets = self._read()
            return self._renewed() if self._is_due() else self.secrets
        return self._written((self._make_key(KEY_BYTES),))

    def refresh(self) -> bool:
        """Reads the file again if it changed, and renews our own; whether the secrets changed."""
        before = self.secrets
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            try:
                self.secrets = self._read()
            except SecretsError as error:
                _log.warning("cookie_secrets_unreadable", error=str(error))
        if self._is_ours and self._is_due():
            self.secrets = self._renewed()
        return self.secrets != before

    def _is_due(self) -> bool:
        # A clock that was set back makes the secret no older: it is renewed then too.
        return not 0 <= self._now() - self._made_at < RENEWED_AFTER_S

    def _renewed(self) -> Secrets:
        return self._written((self._make_key(KEY_BYTES), self.secrets.keys[0]))

    def _stamp(self) -> object:
        """What changes when the file does; None where there is none."""
        try:
            status = self._file.stat()
        except OSError:
            return None
        return (status.st_ino, status.st_mtime_ns, status.st_size)

    def _read(self) -> Secrets:
        try:
            with self._file.open("rb") as opened:
                octets = opened.read(FILE_BYTES_MAX + 1)
        except OSError as error:
            raise SecretsError(f"{self._file}: cannot be read: {error.strerror}") from None
        if len(octets) > FILE_BYTES_MAX:
            raise SecretsError(f"{self._file}: is over {FILE_BYTES_MAX} octets")
        text = octets.decode("ascii", "replace")
        found = read_secrets(text, str(self._file))
        stated = _MADE_AT_LINE.match(text)
        self._made_at = int(stated[1]) if stated else 0  # without its time it counts as old
        return found

    def _written(self, keys: tuple[bytes, ...]) -> Secrets:
        """Keeps our secrets, whole or not at all."""
        self._made_at = int(self._now())
        lines = (f"{_MADE_AT}{self._made_at}", *(key.hex() for key in keys))
        try:
            descriptor, name = tempfile.mkstemp(dir=self._file.parent, prefix=f".{SECRETS_NAME}.")
            try:
                os.fchmod(descriptor, FILE_MODE)
                with os.fdopen(descriptor, "w") as opened:
                    opened.write("\n".join(lines) + "\n")
                Path(name).replace(self._file)
            except OSError:
                with contextlib.suppress(OSError):
                    Path(name).unlink()
                raise
        except OSError as error:
            _log.warning("cookie_secrets_unwritable", file=str(self._file), error=error.strerror)
        self._seen = self._stamp()
        return Secrets(keys)
