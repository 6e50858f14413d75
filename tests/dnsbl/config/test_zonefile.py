"""Zone files: what is read, and how each mistake is reported."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

import pytest
from house import ZONE_TEXT, House
from hypothesis import given
from hypothesis import strategies as st

from dnsbl.config import CategoryConfig, ConfigError, ZoneConfig, load
from dnsbl.config.domain import parse_hostname, parse_mailbox, parse_origin

CATEGORY = ZONE_TEXT[ZONE_TEXT.index("[category") :]
HEAD = ZONE_TEXT.removesuffix(CATEGORY)


@pytest.fixture
def zone(house: House) -> Callable[[str], ZoneConfig]:
    """Loads a zone file of that text."""

    def zone(text: str) -> ZoneConfig:
        house.write_zone(text)
        return load(house.file).zones[0]

    return zone


@pytest.fixture
def refusal(house: House) -> Callable[[str], str]:
    """What is said of a zone file of that text, after the file's name."""

    def refusal(text: str) -> str:
        house.write_zone(text)
        with pytest.raises(ConfigError) as refused:
            load(house.file)
        file = house.folder / "zones" / "bl.example.toml"
        assert str(refused.value).startswith(f"{file}: ")
        assert str(refused.value).isprintable()
        return str(refused.value).removeprefix(f"{file}: ")

    return refusal


def test_a_zone_is_read(zone: Callable[[str], ZoneConfig]) -> None:
    """Names come in lower case and without the last dot; {portal} is replaced, $ stays."""
    read = zone(
        """
        origin = "BL.Example."
        nameservers = ["NS1.bl.example.", "ns2.bl.example"]
        hostmaster = "host.master@bl.example"
        ttl_s = 7
        negative_ttl_s = 9
        [category.spam]
        answer = "127.0.0.2"
        text = "see {portal}/?ip=$ for $"
        [category.policy-1]
        answer = "127.255.254.255"
        text = "ünïcode"
        delist = "never"
        grace_s = 0
        """
    )
    portal = read.categories[0].text.removeprefix("see ").removesuffix("/?ip=$ for $")

    assert portal.startswith("http://127.0.0.1:")
    assert read == ZoneConfig(
        origin="bl.example",
        nameservers=("ns1.bl.example", "ns2.bl.example"),
        hostmaster="host.master@bl.example",
        ttl_s=7,
        negative_ttl_s=9,
        categories=(
            CategoryConfig("spam", ipaddress.IPv4Address("127.0.0.2"),
                           f"see {portal}/?ip=$ for $", "self", 604_800),
            CategoryConfig("policy-1", ipaddress.IPv4Address("127.255.254.255"), "ünïcode",
                           "never", 0),
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('origin = "bl.example"\n', "", "origin: is missing; expected a domain name such as bl"),
        ("bl.example", "other.example", "origin: a zone file bears its origin's name, other."),
        ('origin = "bl.example"', "origin = 1", "origin: expected a domain name such as"),
        ('origin = "bl.example"', 'origin = ""', "the label '' is not 1 to 63"),
        ('origin = "bl.example"', 'origin = "bl..example"', "the label '' is not 1 to 63"),
        ('origin = "bl.example"', 'origin = "-bl.example"', "the label '-bl' is not 1 to 63"),
        ('origin = "bl.example"', 'origin = "b l.example"', "the label 'b l' is not 1 to 63"),
        ('origin = "bl.example"', f'origin = "{"a" * 64}"', "is not 1 to 63"),
        ('origin = "bl.example"', f'origin = "{"a." * 95}b"', "no room for a reversed IPv6"),
        ('origin = "bl.example"', f'origin = "{"a." * 127}b"', "more than 255 octets"),
        ('origin = "bl.example"', 'origin = "bücher.example"', "write an international name in"),
        ('origin = "bl.example"', 'origin = "b\u212a.example"', "it is not in ASCII"),
        ('["ns1.bl.example"]', "[]", "nameservers: expected a list of one or more host names"),
        ('["ns1.bl.example"]', '"ns1.bl.example"', "nameservers: expected a list of one or more"),
        ('["ns1.bl.example"]', '["ns1 bl"]', "nameservers: expected a list of one or more"),
        ('["ns1.bl.example"]', '["a.example", "A.example."]', "32 at most, each once"),
        ('["ns1.bl.example"]', str([f"ns{n}" for n in range(33)]), "32 at most, each once"),
        ('["ns1.bl.example"]', '["192.0.2.53"]', "it is an address; an NS record holds a name"),
        ('["ns1.bl.example"]', '["2.bl.example"]', "of two or more characters that are not all"),
        (
            '["ns1.bl.example"]',
            '["ns1.127.bl.example"]',
            "ns1.127.bl.example: expected a label be",
        ),
        ('["ns1.bl.example"]', '["f.bl.example"]', "a label before bl.example of two or more"),
        ('"hostmaster@bl.example"', '"hostmaster"', "it is not of the form name@domain"),
        ('"hostmaster@bl.example"', '"@bl.example"', "it is not of the form name@domain"),
        ('"hostmaster@bl.example"', '"a@"', "the label '' is not"),
        ("ttl_s = 300", 'ttl = "5m"', "ttl: is not a known key; did you mean ttl_s?"),
        ("ttl_s = 300", 'ttl_s = "5m"', "ttl_s: expected a whole number of seconds from 1 to 604"),
        ("ttl_s = 300", "ttl_s = 0", "ttl_s: expected a whole number of seconds from 1 to 604800"),
        ("ttl_s = 300", "ttl_s = 604801", "got 604801"),
        ("negative_ttl_s = 60", "negative_ttl_s = -1", "negative_ttl_s: expected a whole number"),
        (CATEGORY, "", "category: a zone has 1 to 64 tables such as [category.spam], or includes"),
        (
            CATEGORY,
            "[category]\n",
            "category: a zone has 1 to 64 tables such as [category.spam], or includes",
        ),
        (CATEGORY, "[category]\nspam = 1\n", "category.spam: expected a table [category.spam]"),
        ("[category.spam]", "[category.Spam]", "category.Spam: a category's name has 1 to 32"),
        ("[category.spam]", '[category."a\\nb"]', "a category's name has 1 to 32 lower-case"),
        ("[category.spam]", f"[category.{'a' * 33}]", "a category's name has 1 to 32 lower-case"),
        ("[category.spam]", "[category.1a]", "and begins with a letter"),
        ('answer = "127.0.0.2"\n', "", "category.spam.answer: is missing; expected an address in"),
        ("127.0.0.2", "128.0.0.2", "it lies outside 127.0.0.0/8"),
        ("127.0.0.2", "0.0.0.0", "it lies outside 127.0.0.0/8"),
        ("127.0.0.2", "127.0.0.1", "127.0.0.1 is the test address that is never listed"),
        ("127.0.0.2", "127.0.0.0", "127.0.0.0 is the network's own address"),
        ("127.0.0.2", "127.255.255.0", "it lies in 127.255.255.0/24, by which lists report errors"),
        ("127.0.0.2", "127.255.255.254", "it lies in 127.255.255.0/24, by which lists report"),
        ("127.0.0.2", "::1", "category.spam.answer: expected an address in 127.0.0.0/8"),
        ("127.0.0.2", "127.0.0.256", "category.spam.answer: expected an address in 127.0.0.0/8"),
        ("{portal}", "{Portal}", "no braces but {portal}; '{Portal}' is not known"),
        ("{portal}", "{", "no braces but {portal}; '{/?ip=$' is not known"),
        ("{portal}", "}", "no braces but {portal}; '}' is not known"),
        ("{portal}", "{portal", "no braces but {portal}; '{portal/?ip=$' is not known"),
        ("Access denied", "a\\u0007b", "of at most 1000 printable characters"),
        ("Access denied", "a\\nb", "of at most 1000 printable characters"),
        ("Access denied", "a" * 1001, "of at most 1000 printable characters"),
        ("Access denied", "ü" * 490, "1 to 1000 octets once $ and {portal} are replaced"),
        ("Access denied", "$" * 26, "1 to 1000 octets once $ and {portal} are replaced"),
        ('delist = "self"', 'delist = "no"', 'expected one of "self", "review", "never", got'),
        ('delist = "self"', "grace_s = 31622401", "grace_s: expected a whole number of seconds"),
        ('delist = "self"', "colour = 1", "category.spam.colour: is not a known key; known here: "),
    ],
)
def test_a_mistake_is_reported_with_file_key_and_expectation(
    refusal: Callable[[str], str], old: str, new: str, said: str
) -> None:
    """One printable line says which file, which key, what was expected, and what stands there."""
    assert old in ZONE_TEXT

    assert said in refusal(ZONE_TEXT.replace(old, new))


def test_an_empty_text_is_refused(refusal: Callable[[str], str]) -> None:
    """A TXT record without a reason helps nobody."""
    said = refusal(HEAD + '[category.spam]\nanswer = "127.0.0.2"\ntext = ""\n')

    assert "1 to 1000 octets" in said


def test_too_many_categories_are_refused(refusal: Callable[[str], str]) -> None:
    """More categories than fit one answer are a mistake."""
    categories = "".join(CATEGORY.replace("spam", f"c{number}") for number in range(65))

    assert "a zone has 1 to 64 tables" in refusal(HEAD + categories)


def test_the_longest_names_and_texts_are_read(house: House) -> None:
    """What is just within the bounds is accepted."""
    origin = "a." * 94 + "b"
    text = "$" * 25 + "a" * 25
    house.write_zone(
        HEAD.replace('origin = "bl.example"', f'origin = "{origin}"')
        + f'[category.{"a" * 32}]\nanswer = "127.0.0.2"\ntext = "{text}"\n',
        origin,
    )
    (house.folder / "zones" / "bl.example.toml").unlink()

    assert house.config.zones[0].origin == origin
    assert house.config.zones[0].categories[0].text == text


def test_a_missing_folder_is_reported(house: House) -> None:
    """The folder is named, with the system's reason."""
    house.file.write_text('zones = "nowhere"')

    with pytest.raises(ConfigError, match="nowhere: the folder of zone files cannot be read: No"):
        load(house.file)


def test_a_folder_without_zones_is_reported(house: House) -> None:
    """A server without a zone would refuse every question: that is a mistake."""
    (house.folder / "zones" / "bl.example.toml").unlink()

    with pytest.raises(ConfigError, match="holds no zone file; one is named like bl"):
        load(house.file)


def test_what_an_editor_leaves_is_no_zone(house: House) -> None:
    """Hidden files, and files of other endings, are passed over."""
    folder = house.folder / "zones"
    (folder / ".#bl.example.toml").symlink_to("nobody@nowhere")
    (folder / "bl.example.toml~").write_text("nonsense")
    (folder / "README").write_text("nonsense")

    assert len(house.config.zones) == 1


@given(st.text(max_size=70))
def test_names_raise_value_errors_only(text: str) -> None:
    """A name is in lower-case ASCII without the last dot, or a ValueError."""
    for parse in (parse_hostname, parse_origin):
        try:
            name = parse(text)
        except ValueError:
            continue
        assert name.isascii()
        assert name == name.lower()
        assert parse(name) == name


@pytest.mark.parametrize(
    "mailbox", ["a@b", "first.last+tag@sub.bl.example", "o'neil@x-y.example", f"{'a' * 64}@b"]
)
def test_usual_mailboxes_are_read(mailbox: str) -> None:
    """What people have for an address is one."""
    assert parse_mailbox(mailbox) == mailbox


@pytest.mark.parametrize(
    "mailbox", [".a@b", "a.@b", "a..b@c", "a b@c", "a@b c", "a@", "a", "é@b", "a\n@b", '"a b"@c']
)
def test_other_mailboxes_are_refused(mailbox: str) -> None:
    """What would not fit a header or an SMTP command is refused."""
    with pytest.raises(ValueError, match=r"form name@domain|the label"):
        parse_mailbox(mailbox)


def test_a_mailbox_has_no_last_dot() -> None:
    """A domain may be written with it; in an SOA record it would be an empty label."""
    assert parse_mailbox("Host.Master@BL.example.") == "Host.Master@bl.example"
