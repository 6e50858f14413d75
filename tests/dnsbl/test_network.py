"""The prefix value, against Python's `ipaddress` as an independent model."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dnsbl.network import (
    BITS,
    NETWORK_TEXT_CHARS_MAX,
    Family,
    Network,
    NetworkError,
    NotListableError,
    check_listable,
    parse,
    parse_address,
    parse_canonical,
    reserved_name,
)

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


def is_mapped(network: IpNetwork) -> bool:
    """Whether a network lies in ::ffff:0:0/96 (RFC 4291 §2.5.5.2)."""
    return network.version == 6 and network.subnet_of(ipaddress.IPv6Network("::ffff:0:0/96"))


def of_model(model: IpNetwork) -> Network:
    """The value that the model's network should become."""
    if is_mapped(model):
        return Network(4, int(model.network_address) & 0xFFFFFFFF, model.prefixlen - 96)
    family: Family = 4 if model.version == 4 else 6
    return Network(family, int(model.network_address), model.prefixlen)


@st.composite
def models(draw: st.DrawFn) -> IpNetwork:
    """Networks of both families, of every length; addresses with runs of zeros among them."""
    if draw(st.booleans()):
        bits = draw(st.integers(0, 2**32 - 1))
        return ipaddress.IPv4Network((bits, draw(st.integers(0, 32))), strict=False)
    groups = draw(st.lists(st.sampled_from([0, 0, 0xFFFF, 1, 0xDB8]), min_size=8, max_size=8))
    bits = sum(group << 16 * place for place, group in enumerate(groups))
    bits = draw(st.sampled_from([bits, draw(st.integers(0, 2**128 - 1)), 0xFFFF << 32 | bits % 99]))
    return ipaddress.IPv6Network((bits, draw(st.integers(0, 128))), strict=False)


networks = models().map(of_model)

garbage = st.one_of(
    st.text(max_size=80),
    st.text(alphabet="0123456789.:/abcdefABCDEFxX%-+ \n\0\ud800٣", max_size=60),
)


def model_of(text: str) -> IpNetwork | None:
    """What `ipaddress` makes of a text, or None."""
    try:
        return ipaddress.ip_network(text, strict=True)
    except ValueError:
        return None


@given(models())
def test_a_network_is_read_as_the_model_reads_it(model: IpNetwork) -> None:
    """Every network of the standard library is read, mapped ones as the IPv4 that they are."""
    assert parse(str(model)) == of_model(model)


@given(models())
def test_other_spellings_of_ipv6_are_the_same_network(model: IpNetwork) -> None:
    """Written out or in capitals, a network is the same."""
    text = f"{model.network_address.exploded.upper()}/{model.prefixlen}"

    assert parse(text) == of_model(model)


@given(networks)
def test_canonical_text_reads_back(network: Network) -> None:
    """What is written is read back as the same network, and only that text is canonical."""
    text = str(network)

    assert parse(text) == network
    assert parse(network.text) == network
    assert len(text) <= NETWORK_TEXT_CHARS_MAX
    if network.length > 0:
        assert parse_canonical(text) == network


@given(models())
def test_canonical_text_is_that_of_the_model(model: IpNetwork) -> None:
    """Canonical text is RFC 5952's, as the standard library has it."""
    if is_mapped(model):
        return

    assert str(parse(str(model))) == str(model)


@given(garbage)
@example("1.2.3.4/032")
@example("1.2.3.4/٣")
@example("1.2.3.4/" + "9" * 40)
@example("::ffff:1.2.3.4%lo")
@example("fe80::1%lo/64")
@example("1\x00.2.3.4")
@example("\ud8001.2.3.4")
def test_garbage_is_a_network_error(text: str) -> None:
    """Whatever is written, it is a network or a NetworkError, and never one by our own making."""
    try:
        network = parse(text)
    except NetworkError:
        return
    model = model_of(text)

    assert model is not None
    assert network == of_model(model)


@given(st.text(alphabet="0123456789./:af", max_size=45))
def test_what_the_model_reads_is_read(text: str) -> None:
    """Nothing is refused that the standard library reads, but for masks in place of lengths."""
    model = model_of(text)
    if model is None or "." in text.partition("/")[2]:
        return

    assert parse(text) == of_model(model)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not an IPv4 or IPv6 address"),
        ("example", "not an IPv4 or IPv6 address"),
        ("1.2.3", "not an IPv4 or IPv6 address"),
        ("1.2.3.4.5", "not an IPv4 or IPv6 address"),
        ("1.2.3.256", "not an IPv4 or IPv6 address"),
        ("01.2.3.4", "not an IPv4 or IPv6 address"),
        ("1.2.3.04", "not an IPv4 or IPv6 address"),
        ("0x7f.0.0.1", "not an IPv4 or IPv6 address"),
        (" 1.2.3.4", "not an IPv4 or IPv6 address"),
        ("1.2.3.4\n", "not an IPv4 or IPv6 address"),
        ("1.2.3.4/", "no prefix length"),
        ("1.2.3.4/-1", "no prefix length"),
        ("1.2.3.4/+8", "no prefix length"),
        ("1.2.3.4/255.255.255.0", "no prefix length"),
        ("1.2.3.4/24/8", "no prefix length"),
        ("1.2.3.4/33", "over 32"),
        ("2001:db8::/129", "over 128"),
        ("1.2.3.4/24", "did you mean 1.2.3.0/24?"),
        ("2001:db8::1/64", "did you mean 2001:db8::/64?"),
        ("fe80::1%eth0", "has a scope"),
        ("1:2:3", "not an IPv4 or IPv6 address"),
        (":::", "not an IPv4 or IPv6 address"),
        ("1::2::3", "not an IPv4 or IPv6 address"),
        ("9" * 1000, "too long"),
    ],
)
def test_a_refusal_says_why(text: str, said: str) -> None:
    """A person who wrote something wrong reads what is wrong, on one line of fair length."""
    with pytest.raises(NetworkError) as refused:
        parse(text)

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 160


def test_the_longest_spelling_is_read() -> None:
    """An address with all its zeros and a dotted quad is not too long."""
    text = "2001:0db8:0000:0000:0000:0000:255.255.255.255/128"

    assert parse(text) == parse("2001:db8::ffff:ffff")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("::ffff:192.0.2.1", "192.0.2.1/32"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("::ffff:c000:201/128", "192.0.2.1/32"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::fffe:0:0/95", "::fffe:0:0/95"),
        ("::192.0.2.1", "::c000:201/128"),
        ("2001:DB8:0:0:0:0:0:0/32", "2001:db8::/32"),
        ("1:0:0:2:0:0:0:3", "1:0:0:2::3/128"),
    ],
)
def test_one_network_has_one_text(text: str, canonical: str) -> None:
    """Mapped IPv4, capitals and zeros come to the one text that the database holds."""
    assert str(parse(text)) == canonical


@pytest.mark.parametrize(
    "text", ["192.0.2.1", "192.0.2.1/032", "2001:DB8::/32", "2001:db8:0::/32", "::ffff:1.2.3.4/128"]
)
def test_other_spellings_are_not_canonical(text: str) -> None:
    """The database holds one spelling only; another is refused with the right one."""
    with pytest.raises(NetworkError, match=r"not in canonical form; write \S+"):
        parse_canonical(text)


@pytest.mark.parametrize("text", ["0.0.0.0/0", "::/0"])
def test_the_whole_of_a_family_is_nothing_that_the_database_may_hold(text: str) -> None:
    """RFC 5782 §7: the whole of a family is never listed, even if SQL let it in."""
    with pytest.raises(NetworkError, match="never listed"):
        parse_canonical(text)


def test_an_address_is_one_address() -> None:
    """A form field for an address takes no range, not even the range of one."""
    assert parse_address("192.0.2.1") == Network(4, 0xC0000201, 32)
    assert parse_address("192.0.2.1/32") == Network(4, 0xC0000201, 32)
    with pytest.raises(NetworkError, match="one address is needed"):
        parse_address("192.0.2.0/31")


@given(models(), models())
def test_covers_is_the_models_subnet(one: IpNetwork, other: IpNetwork) -> None:
    """A network covers another if every address of that is in it."""
    if is_mapped(one) or is_mapped(other):
        return
    expected = one.version == other.version and other.subnet_of(one)  # type: ignore[arg-type]

    assert of_model(one).covers(of_model(other)) == expected


@given(networks, st.data())
def test_widened_is_the_models_supernet(network: Network, data: st.DataObject) -> None:
    """A network widened is the model's supernet, and covers it."""
    length = data.draw(st.integers(0, network.length))
    model = ipaddress.ip_network(str(network)).supernet(new_prefix=length)

    assert network.widened(length) == Network(
        network.family, int(model.network_address), model.prefixlen
    )
    assert network.widened(length).covers(network)


@given(networks)
def test_covering_is_every_network_that_covers(network: Network) -> None:
    """From the network itself to the whole of its family, one of each length."""
    covering = network.covering()

    assert [one.length for one in covering] == list(range(network.length, -1, -1))
    assert covering[0] == network
    assert all(one.covers(network) for one in covering)


@given(networks)
def test_reverse_labels_are_the_models(network: Network) -> None:
    """The labels of an address are those of its reverse name (RFC 5782 §2.1 and §2.4)."""
    address = Network(network.family, network.bits, BITS[network.family])
    pointer = ipaddress.ip_address(address.address_text).reverse_pointer
    labels = tuple(pointer.split("."))[:-2]

    assert address.reverse_labels == labels


def test_only_an_address_has_reverse_labels() -> None:
    """A range is no name that could be asked for: asking is a bug of the caller."""
    with pytest.raises(AssertionError):
        _ = parse("192.0.2.0/24").reverse_labels


# IANA's special-purpose registries, as of 2025; documentation space and what is globally
# reachable is left out. (The registries, not our table, are the model.)
SPECIAL = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4",
    "240.0.0.0/4", "255.255.255.255/32", "::/128", "::1/128", "64:ff9b::/96", "64:ff9b:1::/48",
    "100::/64", "100:0:0:1::/64", "2001::/23", "2001::/32", "2001:2::/48", "2001:10::/28",
    "2001:20::/28", "2002::/16", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
]  # fmt: skip
DOCUMENTATION = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"]


@pytest.mark.parametrize("text", SPECIAL)
def test_special_space_is_not_listed_unless_forced(text: str) -> None:
    """RFC 6471 §3.5: reserved and private space, within it and around it, takes --force."""
    special = parse(text)
    around = special.widened(max(1, special.length - 1))

    for network in (special, Network(special.family, special.bits, BITS[special.family]), around):
        assert reserved_name(network) is not None
        with pytest.raises(NotListableError, match="--force"):
            check_listable(network)
        check_listable(network, force=True)


@pytest.mark.parametrize(
    "text", [*DOCUMENTATION, "8.8.8.8", "1.2.3.4", "2a00::/12", "2001:200::/23", "172.32.0.0/12"]
)
def test_other_space_is_listed(text: str) -> None:
    """Ordinary addresses may be listed; so may documentation space, which examples need."""
    network = parse(text)

    check_listable(network)
    assert reserved_name(network) is None


@pytest.mark.parametrize("text", ["0.0.0.0/0", "::/0", "::ffff:0:0/96"])
@pytest.mark.parametrize("force", [False, True])
def test_the_whole_of_a_family_is_never_listed(text: str, *, force: bool) -> None:
    """RFC 5782 §7: not even --force lists the world."""
    with pytest.raises(NotListableError, match="never listed"):
        check_listable(parse(text), force=force)


def test_the_most_telling_name_is_given() -> None:
    """Space within space is named by the inner one."""
    assert "IPv4 translation" in (reserved_name(parse("64:ff9b::1")) or "")


@given(models())
def test_what_python_calls_private_is_reserved(model: IpNetwork) -> None:
    """What the standard library holds for private, link-local or multicast is not listed."""
    address = model.network_address
    network = parse(str(address))
    documented = any(parse(text).covers(network) for text in DOCUMENTATION)
    if documented or not (address.is_private or address.is_link_local or address.is_multicast):
        return

    assert reserved_name(network) is not None
