"""The records of a zone's own names, as its file gives them."""

from __future__ import annotations

import ipaddress

import pytest
from house import ZONE_TEXT, House

from dnsbl.config import ApexConfig, ConfigError, HostConfig, MailExchanger, load


def test_records_of_the_apex_and_of_hosts_are_read(house: House) -> None:
    """Addresses, exchangers with their preference, texts; hosts by name."""
    house.write_zone(
        ZONE_TEXT
        + """
        [apex]
        a = ["192.0.2.80"]
        aaaa = ["2001:DB8::80"]
        mx = ["10 Mail.example.", "20 mail2.example"]
        txt = ["v=spf1 -all"]
        [hosts]
        "NS1.bl.example." = ["192.0.2.53", "2001:db8::53"]
        """
    )

    zone = house.config.zones[0]

    assert zone.apex == ApexConfig(
        (ipaddress.ip_address("192.0.2.80"), ipaddress.ip_address("2001:db8::80")),
        (MailExchanger(10, "mail.example"), MailExchanger(20, "mail2.example")),
        ("v=spf1 -all",),
    )
    assert zone.hosts == (
        HostConfig(
            "ns1.bl.example",
            (ipaddress.ip_address("192.0.2.53"), ipaddress.ip_address("2001:db8::53")),
        ),
    )


def test_no_mail_at_all_can_be_said(house: House) -> None:
    """RFC 7505: the exchanger is the root."""
    house.write_zone(ZONE_TEXT + '[apex]\nmx = ["0 ."]\n')

    assert house.config.zones[0].apex.exchangers == (MailExchanger(0, ""),)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('[apex]\na = ["::1"]', "apex.a: expected a list of IPv4 addresses, got '::1'"),
        ('[apex]\na = ["192.0.2.1", "192.0.2.1"]', "32 at most, each once"),
        ('[apex]\naaaa = ["192.0.2.1"]', "apex.aaaa: expected a list of IPv6 addresses"),
        ('[apex]\naaaa = ["fe80::1%eth0"]', "it has a scope"),
        ('[apex]\nmx = ["mail.example"]', "it has no preference from 0 to 65535 before a space"),
        ('[apex]\nmx = ["65536 mail.example"]', "it has no preference from 0 to 65535"),
        ('[apex]\nmx = ["10 "]', "the label '' is not 1 to 63"),
        (f'[apex]\ntxt = ["{"a" * 256}"]', "it does not have 1 to 255 octets"),
        ('[apex]\ntxt = [""]', "it does not have 1 to 255 octets"),
        ("[apex]\nns = []", "apex.ns: is not a known key"),
        ('[hosts]\n"ns.example.net" = ["192.0.2.1"]', "expected a name inside bl.example"),
        ('[hosts]\n"bl.example" = ["192.0.2.1"]', "expected a name inside bl.example"),
        ('[hosts]\n"a b.bl.example" = ["192.0.2.1"]', "the label 'a b' is not 1 to 63"),
        ('[hosts]\n"2.bl.example" = ["192.0.2.1"]', "two or more characters that are not all"),
        ('[hosts]\n"a.12.bl.example" = ["192.0.2.1"]', "two or more characters that are not all"),
        ('[hosts]\n"ns.bl.example" = []', "expected a list of one or more addresses"),
        ('[hosts]\n"ns.bl.example" = ["x"]', "expected a list of one or more addresses"),
        (
            '[hosts]\n"ns.bl.example" = ["192.0.2.1"]\n"NS.bl.example" = ["192.0.2.1"]',
            "for each host once",
        ),
    ],
)
def test_a_mistake_is_reported(house: House, lines: str, said: str) -> None:
    """File, key, what was expected and what stands there."""
    house.write_zone(ZONE_TEXT + lines + "\n")

    with pytest.raises(ConfigError) as refused:
        load(house.file)

    assert said in str(refused.value)
