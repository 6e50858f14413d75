"""Zones beside each other: sublists, aggregates, and how each clash is reported."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from house import ZONE_TEXT, House

from dnsbl.config import ConfigError, answering, load
from dnsbl.config.zones import unaddressed

HEAD = ZONE_TEXT[: ZONE_TEXT.index("[category")]

Write = Callable[..., None]


@pytest.fixture
def write(house: House) -> Write:
    """Writes a zone file: an origin, lines before its categories, whether it has any."""

    def write(origin: str, lines: str = "", *, categories: bool = True) -> None:
        text = ZONE_TEXT if categories else HEAD
        text = text.replace('origin = "bl.example"', f'origin = "{origin}"\n{lines}')
        house.write_zone(text, origin)

    return write


@pytest.fixture
def refusal(house: House) -> Callable[[], str]:
    """What is said of the folder's files, in which the folder's name is left out."""

    def refusal() -> str:
        with pytest.raises(ConfigError) as refused:
            load(house.file)
        assert str(refused.value).isprintable()
        return str(refused.value).replace(f"{house.folder / 'zones'}/", "")

    return refusal


def test_zones_that_only_look_alike_are_served(house: House, write: Write) -> None:
    """xbl.example does not lie inside bl.example."""
    write("xbl.example")

    assert [zone.origin for zone in house.config.zones] == ["bl.example", "xbl.example"]


def test_a_sublist_lies_inside_its_list(house: House, write: Write) -> None:
    """RFC 5782 §2.3: spam.bl.example beside bl.example."""
    write("spam.bl.example")
    write("new.spam.bl.example")

    assert len(house.config.zones) == 3


@pytest.mark.parametrize("label", ["2", "23", "128", "f"])
def test_a_sublist_that_could_be_part_of_an_address_is_refused(
    write: Write, refusal: Callable[[], str], label: str
) -> None:
    """RFC 5782 §2.3: two or more characters that are not all digits."""
    write(f"{label}.bl.example")

    assert refusal() == (
        f"{label}.bl.example.toml: origin: '{label}' stands right before bl.example, where a "
        "sublist has two or more characters that are not all digits (RFC 5782 §2.3)"
    )


def test_a_sublist_equal_to_a_test_entry_is_refused(
    house: House, write: Write, refusal: Callable[[], str]
) -> None:
    """RFC 5782 §5: TEST is listed in every zone of names, and INVALID in none."""
    house.write_zone(ZONE_TEXT.replace("ttl_s = 300", 'ttl_s = 300\nlists = "names"'))
    write("test.bl.example")

    assert "test.bl.example is a test entry of bl.example (RFC 5782 §5)" in refusal()


def test_a_host_inside_another_zone_is_refused(
    house: House, write: Write, refusal: Callable[[], str]
) -> None:
    """The inner zone answers for the name, so the outer one would answer in vain."""
    house.write_zone(ZONE_TEXT + '[hosts]\n"ns.spam.bl.example" = ["192.0.2.1"]\n')
    write("spam.bl.example")

    assert refusal() == (
        "bl.example.toml: hosts: ns.spam.bl.example lies inside spam.bl.example, which has a "
        "zone file of its own"
    )


def test_two_files_of_one_origin_are_refused(house: House, refusal: Callable[[], str]) -> None:
    """The same origin in another spelling bears the wrong file name."""
    house.write_zone(ZONE_TEXT.replace('"bl.example"', '"BL.example."'), "BL.example")

    assert refusal() == (
        "BL.example.toml: origin: a zone file bears its origin's name, bl.example.toml"
    )


def test_an_aggregate_answers_from_the_zones_that_it_includes(house: House, write: Write) -> None:
    """Its own categories come first; a zone that two others include counts once."""
    write("a.example")
    write("b.example", 'include = ["a.example"]')
    write("all.example", 'include = ["b.example", "a.example", "bl.example"]', categories=False)
    zones = {zone.origin: zone for zone in house.config.zones}

    found = [part.origin for part in answering(zones["all.example"], zones)]

    assert found == ["b.example", "a.example", "bl.example"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('include = ["no.example"]', "all.example.toml: include: there is no zone file no.exa"),
        ('include = ["all.example"]', "all.example.toml: include: expected a list of other zones"),
        ('include = ["bl.example", "BL.example"]', "32 at most, each once"),
        ('include = ["b l"]', "the label 'b l' is not 1 to 63"),
        (
            'include = ["bl.example"]\nlists = "names"',
            "include: bl.example lists bad addresses, and all.example bad names",
        ),
        (
            'include = ["bl.example"]\nreputation = "good"',
            "include: bl.example lists bad addresses, and all.example good addresses",
        ),
    ],
)
def test_an_aggregate_that_cannot_be_is_refused(
    write: Write, refusal: Callable[[], str], lines: str, said: str
) -> None:
    """File, key and reason are named."""
    write("all.example", lines, categories=False)

    assert said in refusal()


def test_zones_that_include_each_other_are_refused(
    write: Write, refusal: Callable[[], str]
) -> None:
    """The circle is shown."""
    write("a.example", 'include = ["b.example"]')
    write("b.example", 'include = ["a.example"]')

    assert refusal() == (
        "a.example.toml: include: expected no circle, but "
        "a.example includes b.example includes a.example"
    )


def test_an_aggregate_of_too_many_categories_is_refused(
    house: House, write: Write, refusal: Callable[[], str]
) -> None:
    """An answer is a union: 64 categories in all."""
    category = ZONE_TEXT.removeprefix(HEAD)
    categories = "".join(category.replace("spam", f"c{number}") for number in range(64))
    house.write_zone(HEAD + categories)
    write("all.example", 'include = ["bl.example"]')

    assert "include: expected at most 64 categories in all, got 65" in refusal()


def test_an_allow_list_is_not_delisted_from(house: House, refusal: Callable[[], str]) -> None:
    """Nobody asks to be taken off a list of the good, so that delist is "never"."""
    text = ZONE_TEXT.replace("ttl_s = 300", 'ttl_s = 300\nreputation = "good"')
    house.write_zone(text)

    assert "category.spam.delist: expected one of \"never\", got 'self'" in refusal()

    house.write_zone(text.replace('delist = "self"', ""))

    assert house.config.zones[0].categories[0].delist == "never"


@pytest.mark.parametrize(
    ("protection", "said"),
    [
        ('keys.mode = "required"\n', "bl.example wants a key, and all.example would answer with"),
        (
            'access.default = "refuse"\n',
            "bl.example does not answer clients of IPv4 networks it d",
        ),
        ('access.empty = ["192.0.2.0/24"]\n', "bl.example does not answer clients of 192.0.2.0/24"),
    ],
)
def test_an_aggregate_gives_away_nothing_that_a_zone_protects(
    house: House, write: Write, refusal: Callable[[], str], protection: str, said: str
) -> None:
    """It would answer without a key, or everybody, from listings that are for some."""
    house.write_zone(protection + ZONE_TEXT)
    write("all.example", 'include = ["bl.example"]', categories=False)

    assert said in refusal()

    write("all.example", 'include = ["bl.example"]\n' + protection, categories=False)

    assert len(house.config.zones) == 2


def test_an_aggregate_opens_nothing_by_a_list_of_its_own(
    write: Write, refusal: Callable[[], str]
) -> None:
    """Any access list is not enough: it has to keep out whoever is kept out."""
    write("bl.example", 'access.default = "refuse"\naccess.pass = ["192.0.2.0/24"]')
    write("all.example", 'include = ["bl.example"]\naccess.refuse = ["203.0.113.0/24"]')

    assert "all.example would; give it an [access] that keeps out as many" in refusal()


def test_whom_the_server_keeps_out_need_not_be_kept_out_again(
    house: House, write: Write, refusal: Callable[[], str]
) -> None:
    """[dns.access] is looked at first, whatever the zone; whom it lets in counts as ever."""
    write("bl.example", 'access.refuse = ["203.0.113.0/24"]')
    write("all.example", 'include = ["bl.example"]')
    house.write_config('[dns.access]\ndefault = "refuse"\npass = ["192.0.2.0/24"]\n')

    assert len(house.config.zones) == 2

    house.write_config('[dns.access]\ndefault = "refuse"\npass = ["203.0.113.0/25"]\n')

    assert "does not answer clients of 203.0.113.0/25, and all.example would" in refusal()


def test_name_servers_without_an_address_are_found(house: House, write: Write) -> None:
    """Those in a zone of ours that knows none; another zone's are its own business."""
    write("web.bl.example", 'hosts."ns1.web.bl.example" = ["192.0.2.53"]')
    write("own.example", 'apex.a = ["192.0.2.53"]')
    servers = ["ns1.bl.example", "ns1.web.bl.example", "own.example", "ns.elsewhere.example"]
    house.write_zone(ZONE_TEXT.replace('["ns1.bl.example"]', str([*servers, "ns2.web.bl.example"])))

    found = [(zone.origin, name) for zone, name in unaddressed(house.config.zones)]

    assert found == [
        ("bl.example", "ns1.bl.example"),
        ("bl.example", "ns2.web.bl.example"),
        ("own.example", "ns1.bl.example"),
        ("web.bl.example", "ns1.bl.example"),
    ]


@pytest.mark.parametrize("label", ["test", "invalid"])
@pytest.mark.parametrize("key", ["nameservers", "hosts"])
def test_a_host_where_a_test_entry_is_is_refused(
    house: House, refusal: Callable[[], str], label: str, key: str
) -> None:
    """RFC 5782 §5: TEST of a list of names would have no records."""
    host = f"ns1.{label}.bl.example"
    text = 'lists = "names"\n' + ZONE_TEXT
    if key == "hosts":
        text += f'[hosts]\n"{host}" = ["192.0.2.1"]\n'
    else:
        text = text.replace("ns1.bl.example", host)
    house.write_zone(text)

    assert f"{key}: {host} lies where {label}.bl.example is a test entry" in refusal()
