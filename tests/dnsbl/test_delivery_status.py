"""What is read out of mails that came back, be they what mail servers write or anything else."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsbl.delivery_status import (
    MESSAGE_OCTETS_MAX,
    TEXT_CHARS_MAX,
    Action,
    Report,
    read_message,
    recipients,
    report,
)

# As Postfix writes it, shortened in its prose.
POSTFIX = """\
Return-Path: <>
X-Original-To: bounces+7-abcdefghijklmnop@bl.example
Delivered-To: bounces@bl.example
Date: Sat, 28 Nov 2026 00:00:00 +0000 (UTC)
From: MAILER-DAEMON@mx.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: bounces+7-abcdefghijklmnop@bl.example
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="B"
Message-Id: <20261128000000.1@mx.example>

--B
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

--B
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example
X-Postfix-Queue-ID: 1
X-Postfix-Sender: rfc822; bounces+7-abcdefghijklmnop@bl.example
Arrival-Date: Sat, 28 Nov 2026 00:00:00 +0000 (UTC)

Final-Recipient: rfc822; nobody@sender.example
Original-Recipient: rfc822;nobody@sender.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; mail.sender.example
Diagnostic-Code: smtp; 550 5.1.1 <nobody@sender.example>: Recipient address
    rejected: User unknown in local recipient table

--B
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

From: "bl.example blocklist" <delist@bl.example>
To: someone-else@sender.example
Subject: Confirm the delisting of 203.0.113.7 from bl.example

--B--
"""


def read(text: str) -> Report:
    """What is read of a mail of that text, however its lines end."""
    told = report(read_message(text.encode()))
    assert told == report(read_message(text.replace("\n", "\r\n").encode()))
    return told


def status(*recipients: str) -> str:
    """A delivery status about so many recipients, each with its fields."""
    groups = "\n\n".join(("Reporting-MTA: dns; mx.example", *recipients))
    return (
        'Content-Type: multipart/report; report-type=delivery-status; boundary="B"\n\n'
        f"--B\nContent-Type: message/delivery-status\n\n{groups}\n\n--B--\n"
    )


def test_a_bounce_of_postfix_is_a_failure_with_the_servers_words() -> None:
    """The reply in one line, its class of code not said twice."""
    assert read(POSTFIX) == Report(
        Action.FAILED,
        "550 5.1.1 <nobody@sender.example>: Recipient address rejected: User unknown in local "
        "recipient table",
    )


@pytest.mark.parametrize(
    ("fields", "action", "text"),
    [
        ('Action: failed\nStatus: 5.1.1\nDiagnostic-Code: X-Postfix; unknown user: "nobody"',
         Action.FAILED, '5.1.1 unknown user: "nobody"'),
        ("Action: failed\nStatus: 5.0.0", Action.FAILED, "5.0.0"),
        ("ACTION: Failed\nSTATUS: 5.2.2 (mailbox full)\ndiagnostic-code: smtp;552 full",
         Action.FAILED, "552 full"),
        ("Action: failed (for good)\nStatus: nonsense\nDiagnostic-Code: whatever it was",
         Action.FAILED, "whatever it was"),
        # given up after days: the code is of a passing trouble, the failure is final
        ("Action: failed\nStatus: 4.4.1\nDiagnostic-Code: X-Postfix; connection timed out",
         Action.FAILED, "4.4.1 connection timed out"),
        ("Action: delayed\nStatus: 4.4.1\nWill-Retry-Until: Thu, 3 Dec 2026 00:00:00 +0000",
         Action.DELAYED, "4.4.1"),
        ("Action: relayed\nStatus: 2.0.0", Action.DELIVERED, "2.0.0"),
        ("Action: delivered\nStatus: 2.0.0", Action.DELIVERED, "2.0.0"),
        ("Action: expanded\nStatus: 2.0.0", Action.DELIVERED, "2.0.0"),
        ("Action: burnt\nStatus: 5.0.0", Action.UNKNOWN, ""),
        ("Status: 5.0.0", Action.UNKNOWN, ""),
    ],
)  # fmt: skip
def test_the_action_decides_and_the_words_are_kept(fields: str, action: Action, text: str) -> None:
    """RFC 3464 §2.3: any case, comments and folding, fields that are missing or make no sense."""
    assert read(status(f"Final-Recipient: rfc822; a@b.example\n{fields}")) == Report(action, text)


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (("failed", "delivered"), Action.DELIVERED),
        (("delayed", "failed"), Action.FAILED),
        (("burnt", "delayed"), Action.DELAYED),
    ],
)
def test_behind_an_alias_one_recipient_who_has_the_mail_is_enough(
    actions: tuple[str, ...], expected: Action
) -> None:
    """Of several, the best decides: whoever has it can follow the link."""
    told = read(status(*(f"Action: {action}\nStatus: 5.0.0" for action in actions)))

    assert told.action is expected


def test_a_status_in_utf_8_is_read_too() -> None:
    """RFC 6533's message/global-delivery-status, whose words may be of any language."""
    text = status("Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 inconnu, désolé")

    told = read(text.replace("message/delivery-status", "message/global-delivery-status"))

    assert told == Report(Action.FAILED, "550 5.1.1 inconnu, désolé")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ""),
        ("Subject: Out of office\nAuto-Submitted: auto-replied\n\nBack on Monday.\n",
         "Out of office"),
        ("Subject: failure notice\n\n<nobody@sender.example>: no such mailbox (#5.1.1)\n",
         "failure notice"),
        ("Action: failed\nStatus: 5.1.1\n\nno delivery status, just a mail\n", ""),
        ("Subject: a\x1b[31mb\n  c\n\n", "a [31mb c"),
    ],
)  # fmt: skip
def test_what_has_no_delivery_status_is_unknown(text: str, said: str) -> None:
    """An answer of a person, a program, an old mail server: its subject is kept, nothing else."""
    assert read(text) == Report(Action.UNKNOWN, said)


def test_recipients_are_those_of_this_delivery_first() -> None:
    """Delivered-To and its like before To; none of the mail that came back; no one twice."""
    assert recipients(read_message(POSTFIX.encode())) == [
        "bounces@bl.example",
        "bounces+7-abcdefghijklmnop@bl.example",
    ]


def test_ten_thousand_recipients_are_not_all_looked_at() -> None:
    """A header of any length costs little."""
    many = ", ".join(f"a{number}@b.example" for number in range(10_000))

    assert len(recipients(read_message(f"To: {many}\n\n".encode()))) == 100


@pytest.mark.parametrize(
    "octets",
    [
        b"".join(b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n)
                 for n in range(20_000)),
        b"".join(b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n)
                 for n in range(300)) + b"\n" * 900_000,
        b"Content-Type: message/rfc822\n\n" * 30_000,
        b"Content-Type: multipart/mixed; boundary=B\n\n" + b"--B\n\n" * 200_000,
        status(*("Action: burnt\nStatus: 5.0.0",) * 30_000).encode(),
        b"X: " + b"(" * 1_000_000,
        b"Content-Type: multipart/report; boundary=B\n\n--B\nContent-Type: message/delivery-status"
        b"\n\nAction: " + b"(" * 1_000_000,
        b"To: " + b"(" * 1_000_000,
        b"\x00" * (MESSAGE_OCTETS_MAX + 1),
    ],
    ids=["nested", "lines", "messages", "parts", "groups", "header", "action", "to", "zeros"],
)  # fmt: skip
def test_a_mail_made_to_cost_much_costs_little(octets: bytes) -> None:
    """Parts in parts, a hundred thousand of them, a header of a megabyte: soon unknown."""
    began = time.process_time()

    message = read_message(octets)
    told = report(message)
    recipients(message)

    assert told.action is Action.UNKNOWN
    assert time.process_time() - began < 20  # of a machine under load; a second or so alone


@given(st.integers(0, 2**32))
def test_nothing_that_is_broken_on_its_way_breaks_the_reading(seed: int) -> None:
    """Octets changed, cut and doubled: some report, in one printable line of bounded length."""
    chance = random.Random(seed)
    octets = bytearray(POSTFIX.encode())
    for _ in range(chance.randint(1, 20)):
        at = chance.randrange(len(octets))
        match chance.randrange(3):
            case 0:
                octets[at] = chance.randrange(256)
            case 1:
                del octets[at : at + chance.randint(1, 200)]
            case _:
                octets[at:at] = octets[at : at + chance.randint(1, 200)]

    message = read_message(bytes(octets))
    told = report(message)

    assert told.text.isprintable()
    assert len(told.text) <= TEXT_CHARS_MAX + len("5.123.123 ")
    assert all(isinstance(address, str) for address in recipients(message))


@given(st.binary(max_size=500))
def test_no_octets_at_all_break_the_reading(octets: bytes) -> None:
    """Whatever is piped in."""
    message = read_message(octets)

    assert isinstance(report(message), Report)
    assert isinstance(recipients(message), list)
