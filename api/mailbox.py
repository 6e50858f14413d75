"""The mailbox of a request: checked, and written as mail carries it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import email_validator

from api.language import Sentence, SentenceError
from api.suffixes import registered
from dnsbl.store.suppressions import mailbox_key

MAILBOX_CHARS_MAX: Final = 254  # RFC 5321 §4.5.3.1.3: a path of 256 octets with its brackets

# What mail servers take for more than a name: ways on to another mailbox (RFC 1123 §5.2.16), a
# program. And what a header's reader makes other text of (RFC 2047 §2).
_NO_NAME: Final = ("%", "!", "|", "`", "=?")

_LOCAL_PART: Final = Sentence(
    "What stands before the @ is no name of a mailbox: at most 64 letters from a to z, digits, "
    "and signs such as a dot, a hyphen or a plus."
)

# Lists are run inside organisations too, whose mail lives under names such as corp.local.
if "local" in email_validator.SPECIAL_USE_DOMAIN_NAMES:
    email_validator.SPECIAL_USE_DOMAIN_NAMES.remove("local")


class MailboxError(SentenceError):
    """A text that is not a mailbox to which mail can go."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An ASCII mailbox; `key` is the mailbox as limits count it, `domain` its domain likewise.

    That is the registrable one: whoever has it makes names below it at will.
    """

    text: str
    key: str
    domain: str


def parse(text: str) -> Mailbox:
    """A mailbox as a person writes it. Raises MailboxError with a sentence for that person."""
    mailbox_text = _one(text)
    try:
        checked = _validated(mailbox_text)
    except email_validator.EmailNotValidError:
        raise MailboxError(_wrong_half(mailbox_text)) from None
    if any(piece in checked.local_part for piece in _NO_NAME):
        raise MailboxError(_LOCAL_PART)
    ascii_text = checked.ascii_email
    if ascii_text is None or len(ascii_text) > MAILBOX_CHARS_MAX:
        raise MailboxError(
            Sentence("The e-mail address cannot be written in ASCII, as our mail needs it.")
        )
    domain = ascii_text.rpartition("@")[2].lower()
    return Mailbox(ascii_text, mailbox_key(ascii_text), registered(domain) or domain)


def _one(text: str) -> str:
    """What may be one mailbox, by its looks."""
    text = text.strip()
    if not text:
        raise MailboxError(Sentence("Please enter the e-mail address that received the error."))
    if not text.isprintable():
        raise MailboxError(Sentence("The e-mail address holds characters that cannot be printed."))
    if len(text) > MAILBOX_CHARS_MAX:
        raise MailboxError(
            Sentence(
                "The e-mail address is longer than %(most)s characters.", most=MAILBOX_CHARS_MAX
            )
        )
    if "@" not in text:
        raise MailboxError(
            Sentence(
                "An e-mail address has an @ between its two halves, as in postmaster@example.com."
            )
        )
    if text.count("@") > 1:
        raise MailboxError(
            Sentence("One e-mail address goes into a request; this has more than one @.")
        )
    return text


def _validated(text: str) -> email_validator.ValidatedEmail:
    # test_environment: names under .test are for trials like this program's first one
    return email_validator.validate_email(
        text,
        check_deliverability=False,
        allow_smtputf8=False,
        strict=True,
        test_environment=True,
    )


def _wrong_half(text: str) -> Sentence:
    """Which half is to be looked at: a plain name before the same domain would do, or not."""
    domain = text.rpartition("@")[2]
    try:
        _validated(f"postmaster@{domain}")
    except email_validator.EmailNotValidError:
        return Sentence(
            "What stands after the @ is no domain that mail can go to, such as example.com."
        )
    return _LOCAL_PART
