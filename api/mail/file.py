"""The embedded transport: a mail becomes an .eml file below the data directory."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

from api.mail.carrier import Accepted, Deferred, Envelope, Outcome
from api.mail.trouble import Trouble
from dnsbl.store.outbox import Mail

_FILE_MODE = 0o600  # a mail holds a link that delists


class FileCarrier:
    """Writes mails into a folder, each whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def carry(self, envelope: Envelope) -> Outcome:
        """Writes the mail; sent again, it replaces the file of the first time."""
        path = self._folder / _name(envelope.mail)
        # RFC 5321 §4.4: whoever delivers a mail for good keeps the envelope's sender in it.
        delivered = f"Return-Path: <{envelope.sender}>\r\n".encode() + envelope.message
        try:
            await asyncio.to_thread(_write, path, delivered)
        except OSError as error:
            detail = f"{path}: {error.strerror}"
            return Deferred(Trouble.UNWRITTEN, operator_fault=True, detail=detail)
        return Accepted(self.unsent_reply(envelope.mail), path)

    async def try_out(self, mail: Mail, sender: str) -> Outcome:  # noqa: ARG002  # no matter here
        """Writes a file of that name, without anything in it, and takes it away."""
        path = self._folder / _name(mail)
        try:
            await asyncio.to_thread(_write_and_delete, path.with_suffix(".trial"))
        except OSError as error:
            detail = f"{path}: {error.strerror}"
            return Deferred(Trouble.UNWRITTEN, operator_fault=True, detail=detail)
        return Accepted(self.unsent_reply(mail))

    def unsent_reply(self, mail: Mail) -> str:
        """Where the file stands, or would, relative to the data directory."""
        return f"{self._folder.name}/{_name(mail)}"


def _name(mail: Mail) -> str:
    queued = datetime.fromtimestamp(mail.created_at, UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{queued}-{mail.id}.eml"


def _write(path: Path, message: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE_MODE)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(message)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(path)


def _write_and_delete(path: Path) -> None:
    _write(path, b"")
    path.unlink()
