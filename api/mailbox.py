"""The mailbox of a request: checked, and written as mail carries it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import email_validator

from dnsbl.errors import DnsblError

MAILBOX_CHARS_MAX: Final = 254  # RFC 5321 §4.5.3.1.3: a path of 256 octets with its brackets

# Lists are run inside organisations too, whose mail lives under names such as corp.local.
if "local" in email_validator.SPECIAL_USE_DOMAIN_NAMES:
    email_validator.SPECIAL_USE_DOMAIN_NAMES.remove("local")


class MailboxError(DnsblError):
    """A text that is not a mailbox to which mail can go."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An ASCII mailbox; `key` is the mailbox as limits count it, `domain` what stands after @."""

    text: str
    key: str
    domain: str


def parse(text: str) -> Mailbox:
    """A mailbox as a person writes it. Raises MailboxError with a sentence for that person."""
    text = text.strip()
    if not text:
        raise MailboxError("Please enter the e-mail address that received the error.")
    if not text.isprintable():
        raise MailboxError("The e-mail address holds characters that cannot be printed.")
    if len(text) > MAILBOX_CHARS_MAX:
        raise MailboxError(f"The e-mail address is longer than {MAILBOX_CHARS_MAX} characters.")
    try:
        # test_environment: names under .test are for trials like this program's first one
        checked = email_validator.validate_email(
            text,
            check_deliverability=False,
            allow_smtputf8=False,
            strict=True,
            test_environment=True,
        )
    except email_validator.EmailNotValidError as error:
        raise MailboxError(str(error)) from None
    ascii_text = checked.ascii_email
    if ascii_text is None or len(ascii_text) > MAILBOX_CHARS_MAX:
        raise MailboxError("The e-mail address cannot be written in ASCII, as our mail needs it.")
    local, _, domain = ascii_text.rpartition("@")
    untagged = local.partition("+")[0] or local
    return Mailbox(ascii_text, f"{untagged}@{domain}".lower(), domain.lower())
