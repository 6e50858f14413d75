"""[mail] of dnsbl.toml: where bounces go."""

from __future__ import annotations

import pytest
from house import House

from dnsbl.config import ConfigError, load


def test_bounces_go_to_the_sender_unless_another_mailbox_is_named(house: House) -> None:
    """Empty by default; its domain is written in lower case."""
    assert house.config.mail.bounces == ""

    house.write_config('[mail]\nbounces = "Bounces@Mail.BL.example"')

    assert house.config.mail.bounces == "Bounces@mail.bl.example"


@pytest.mark.parametrize(
    ("bounces", "said"),
    [
        ("bounces", "it is not of the form name@domain"),
        (f"{'b' * 28}@bl.example", "no room for the number of a mail"),
        (f"b@{'.'.join(['d' * 60] * 3)}.{'e' * 33}", "it takes more than 217 octets"),
    ],
)
def test_a_mailbox_that_no_number_fits_behind_is_refused(
    house: House, bounces: str, said: str
) -> None:
    """RFC 5321 §4.5.3.1: a local part holds 64 octets, a mailbox 254."""
    house.write_config(f'[mail]\nbounces = "{bounces}"')

    with pytest.raises(ConfigError, match=said) as refused:
        load(house.file)
    assert "mail.bounces: expected an e-mail address" in str(refused.value)
