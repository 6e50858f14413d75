"""What may go wrong before a mail server has said anything, in words of ours for the outbox.

They name no host of ours, nor what Python said; `meaning` has the sentence that a visitor reads.
"""

from __future__ import annotations

import enum


class Trouble(enum.StrEnum):
    """Why an attempt did not end in a reply."""

    UNREACHABLE = "The mail server could not be reached"
    SLOW = "The mail server did not answer in time"
    CLOSED = "The mail server closed the connection"
    TLS = "No secure connection to the mail server could be made (TLS)"
    LOGIN = "This portal cannot log in to the mail server"
    OFFER = "The mail server does not offer what this portal is set up to use"
    UNWRITTEN = "The mail could not be written"
    MISTAKE = "This portal made a mistake with the mail"
