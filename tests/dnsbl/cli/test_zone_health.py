"""What `check` finds about zones."""

from __future__ import annotations

from dataclasses import replace

from house import ZONE_TEXT, House

from dnsbl.cli.zone_health import findings, zone_finding

HOSTS = '[hosts]\n"ns1.bl.example" = ["192.0.2.53"]\n'


def test_a_zone_that_includes_others_needs_no_category(house: House) -> None:
    """An aggregate is told by what it includes."""
    zone = replace(house.config.zones[0], categories=(), include=("a.example", "b.example"))

    assert zone_finding(zone).detail == "includes a.example, b.example"


def test_a_name_server_without_an_address_is_a_warning(house: House) -> None:
    """It is named, and where its address belongs; with one, nothing is said."""
    zone, servers = findings(house.config.zones)
    assert (zone.state, servers.state) == ("ok", "warning")
    assert servers.subject == "zone bl.example name servers"
    assert "no address of ns1.bl.example is known" in servers.detail

    house.write_zone(ZONE_TEXT.replace("[category", HOSTS + "[category"))

    assert [each.subject for each in findings(house.config.zones)] == ["zone bl.example"]


def test_an_answer_beside_those_of_the_documentation_is_told(house: House) -> None:
    """The lines of docs/mail-servers.md match 127.0.0.[2..254]; others need a line of their own."""
    assert zone_finding(house.config.zones[0]).detail == "spam 127.0.0.2"

    house.write_zone(ZONE_TEXT.replace("127.0.0.2", "127.0.10.3"))

    found = zone_finding(house.config.zones[0])
    assert found.state == "ok"
    assert found.detail.startswith("spam 127.0.10.3; 127.0.10.3 is not among 127.0.0.[2..254]")
