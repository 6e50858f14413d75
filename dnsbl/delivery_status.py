"""What a mail that came back says of the delivery: RFC 3464's delivery status, out of any bytes.

No I/O, and nothing in a message is believed to be well-formed: what cannot be read is UNKNOWN.
"""

from __future__ import annotations

import email
import enum
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Final

MESSAGE_OCTETS_MAX: Final = 1 << 20
PARTS_MAX: Final = 100
# Each line is compared with the boundaries of all parts that it is in. A delivery status needs
# one boundary, and the mail that came back some.
BOUNDARIES_MAX: Final = 10
RECIPIENTS_MAX: Final = 100  # of a message, and of a delivery status
HEADER_CHARS_MAX: Final = 10_000
TEXT_CHARS_MAX: Final = 500

# Who the mail is for, from what is nearest to this delivery on: Postfix and others (Delivered-To,
# X-Original-To), Exim (Envelope-To), and the sender's own word.
RECIPIENT_HEADERS: Final = ("Delivered-To", "X-Original-To", "Envelope-To", "To")

_STATUS_TYPES: Final = ("message/delivery-status", "message/global-delivery-status")
_STATUS_CODE = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}", re.ASCII)  # RFC 3463 §2
_COMMENT = re.compile(r"\([^()]*\)")
_BETWEEN_ADDRESSES = re.compile(r"[\s<>(),;:\"\[\]]+")


class Action(enum.Enum):
    """RFC 3464 §2.3.3, as far as it matters to who waits for the mail."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"  # relayed and expanded too: no word of a failure will follow from here
    UNKNOWN = "unknown"  # no delivery status: an answer of a person or a program, say


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a mail, and the words for it, in one line: "550 5.1.1 no such user"."""

    action: Action
    text: str


_ACTIONS: Final = {
    "failed": Action.FAILED,
    "delayed": Action.DELAYED,
    "delivered": Action.DELIVERED,
    "relayed": Action.DELIVERED,
    "expanded": Action.DELIVERED,
}
# Of several recipients, as behind an alias: one that has the mail can follow its link.
_FIRST: Final = (Action.DELIVERED, Action.FAILED, Action.DELAYED)


def recipients(message: Message) -> list[str]:
    """The addresses that a message may have been delivered to, as its headers say."""
    values = [
        value
        for name in RECIPIENT_HEADERS
        for value in itertools.islice(_fields(message, name), RECIPIENTS_MAX)
    ]
    # No parser of addresses: ours have no part that would need one, and comments nest without end
    words = [word for value in values for word in _BETWEEN_ADDRESSES.split(value)]
    return list(dict.fromkeys(word for word in words if "@" in word))[:RECIPIENTS_MAX]


def read_header(octets: bytes) -> Message:
    """The header alone, which costs next to nothing: whom a message is for."""
    return BytesHeaderParser().parsebytes(octets[:MESSAGE_OCTETS_MAX])


def read_message(octets: bytes) -> Message:
    """A message out of its first mebibyte; what is wrong in it is wrong in its parts alone."""
    octets = octets[:MESSAGE_OCTETS_MAX]
    if octets.lower().count(b"boundary") > BOUNDARIES_MAX:
        return read_header(octets)  # parts in parts in parts: no delivery status looks like that
    try:
        return email.message_from_bytes(octets)
    except RecursionError:  # messages in messages, which need no boundary
        return read_header(octets)


def report(message: Message) -> Report:
    """What a message says of the delivery of another."""
    told = [_told(fields) for fields in _recipient_fields(message)]
    for action in _FIRST:
        for each in told:
            if each.action is action:
                return each
    return Report(Action.UNKNOWN, _line(_field(message, "Subject")))


def _told(fields: Message) -> Report:
    """What the fields of one recipient say."""
    action = _ACTIONS.get(_bare(fields, "Action").lower(), Action.UNKNOWN)
    code = _STATUS_CODE.match(_bare(fields, "Status"))
    kind, separator, diagnostic = _field(fields, "Diagnostic-Code").partition(";")
    if not separator:
        kind, diagnostic = "", kind
    text = _line(diagnostic)
    if code is not None and code[0] not in text:
        # A reply of SMTP stands as it was given; other words get the code that classes them
        reply = kind.strip().lower() == "smtp" and text[:3].isdigit()
        text = text if reply else f"{code[0]} {text}".strip()
    return Report(action, text)


def _recipient_fields(message: Message) -> Iterator[Message]:
    """The groups of fields that are about a recipient (RFC 3464 §2.3), of all delivery statuses."""
    count = 0
    for number, part in enumerate(message.walk()):
        if number >= PARTS_MAX:
            return
        if part.get_content_type() not in _STATUS_TYPES:
            continue
        for group in _groups(part):
            if _field(group, "Action"):
                yield group
                count += 1
            if count >= RECIPIENTS_MAX:
                return


def _groups(part: Message) -> list[Message]:
    """The groups of fields of a delivery status; the first of them is about the message."""
    payload = part.get_payload()
    if not isinstance(payload, list):
        return []
    groups = [group for group in payload if isinstance(group, Message)]
    if part.get_content_type() == _STATUS_TYPES[0]:
        return groups
    # Python reads RFC 6533's kind as a message: one group for its headers, the rest for its text
    rest = [
        octets for group in groups if isinstance(octets := group.get_payload(decode=True), bytes)
    ]
    return groups + [
        email.message_from_bytes(piece)
        for octets in rest
        for piece in re.split(rb"\r?\n\r?\n", octets, maxsplit=RECIPIENTS_MAX)
    ]


def _fields(message: Message, name: str) -> Iterator[str]:
    """The values of a header or a field, UTF-8 where they are more than ASCII."""
    for found, value in message.raw_items():
        if found.lower() == name.lower():
            octets = str(value)[:HEADER_CHARS_MAX].encode(errors="surrogateescape")
            yield octets.decode(errors="replace")


def _field(message: Message, name: str) -> str:
    """The first of them, or nothing."""
    return next(_fields(message, name), "")


def _bare(message: Message, name: str) -> str:
    """The same without comments and blanks around it (RFC 3464 §2.1.1)."""
    return _COMMENT.sub("", _field(message, name)[:TEXT_CHARS_MAX]).strip()


def _line(text: str) -> str:
    """Words of a stranger as one line of bounded length, without what cannot be printed."""
    printable = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(printable.split())[:TEXT_CHARS_MAX]
