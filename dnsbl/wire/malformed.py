"""What ends the reading of a message."""

from __future__ import annotations


class MalformedError(Exception):
    """What is wrong, and at which byte. Never leaves `dnsbl.wire.message.decode`."""
