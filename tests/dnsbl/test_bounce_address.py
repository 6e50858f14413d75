"""Where a mail's bounces come back to, and which of them are believed."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsbl.bounce_address import bounce_address, bounced_mail
from dnsbl.config.mail import BOUNCES_LOCAL_OCTETS_MAX

SECRET = bytes(range(32))
BOUNCES = "Bounces@bl.example"
MAIL_IDS = st.integers(1, 2**63 - 1)


@given(MAIL_IDS)
def test_an_address_leads_back_to_its_mail(mail_id: int) -> None:
    """However a mail server writes the letters of it, and with or without the domain's last dot."""
    address = bounce_address(BOUNCES, SECRET, mail_id)

    for seen in (address, address.lower(), address.upper(), f"{address}."):
        assert bounced_mail(seen, BOUNCES, SECRET) == mail_id


@given(MAIL_IDS)
def test_an_address_keeps_to_what_mail_may_have(mail_id: int) -> None:
    """RFC 5321 §4.5.3.1.1: 64 octets of a local part, of the longest name that is configured."""
    bounces = f"{'b' * BOUNCES_LOCAL_OCTETS_MAX}@bl.example"

    local, _, domain = bounce_address(bounces, SECRET, mail_id).partition("@")

    assert len(local) <= 64
    assert re.fullmatch(r"b+\+[1-9][0-9]*-[a-z2-7]{16}", local)
    assert domain == "bl.example"


def changed(address: str, at: int) -> str:
    """The address with another letter there."""
    return f"{address[:at]}{'b' if address[at] == 'a' else 'a'}{address[at + 1 :]}"


@pytest.mark.parametrize(
    "address",
    [
        *(changed(bounce_address(BOUNCES, SECRET, 7), at) for at in range(-27, -11)),
        bounce_address(BOUNCES, SECRET, 7).replace("+7-", "+8-"),
        bounce_address(BOUNCES, SECRET, 7).replace("+7-", "+07-"),
        bounce_address(BOUNCES, bytes(32), 7),
        bounce_address("bounces@elsewhere.example", SECRET, 7),
        bounce_address("others@bl.example", SECRET, 7),
        bounce_address(BOUNCES, SECRET, 7).partition("@")[0],
        BOUNCES,
        "bounces+@bl.example",
        f"bounces+{'9' * 5000}-aaaaaaaaaaaaaaaa@bl.example",
        "bounces+\N{ARABIC-INDIC DIGIT SEVEN}-aaaaaaaaaaaaaaaa@bl.example",
        "",
        "@",
    ],
)
def test_what_is_not_ours_is_not_believed(address: str) -> None:
    """Another number, mark, secret, mailbox or domain; or no such address at all."""
    assert bounced_mail(address, BOUNCES, SECRET) is None


@given(st.text())
def test_no_text_is_believed_by_chance(address: str) -> None:
    """Whatever it holds, it is a quiet no."""
    assert bounced_mail(address, BOUNCES, SECRET) is None
