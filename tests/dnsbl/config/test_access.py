"""Access lists, of the server and of a zone."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnsbl.config import AccessConfig, Action, ConfigError
from dnsbl.config.access import ACTIONS, EVERYBODY, opened, read_access
from dnsbl.config.toml import Table
from dnsbl.network import Network, parse
from dnsbl.zone.access import AccessList


def read(tmp_path: Path, text: str) -> AccessConfig:
    """The table [access] of a zone file with that text in it."""
    file = tmp_path / "bl.example.toml"
    file.write_text(f"[access]\n{text}")
    return read_access(Table.read(file).table("access"))


def test_everybody_passes_unless_told(tmp_path: Path) -> None:
    """An empty table is as good as none."""
    assert read(tmp_path, "") == EVERYBODY == AccessConfig("pass", ())


def test_every_list_is_read(tmp_path: Path) -> None:
    """Networks and addresses, in both families, with what becomes of them."""
    config = read(
        tmp_path,
        'default = "refuse"\npass = ["192.0.2.0/24", "2001:db8::/32"]\nrefuse = ["192.0.2.7"]\n'
        'ignore = ["0.0.0.0/0"]\nempty = ["::ffff:198.51.100.1"]',
    )

    assert config == AccessConfig(
        "refuse",
        (
            (parse("192.0.2.0/24"), "pass"),
            (parse("2001:db8::/32"), "pass"),
            (parse("192.0.2.7"), "refuse"),
            (parse("0.0.0.0/0"), "ignore"),
            (parse("198.51.100.1"), "empty"),
        ),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('default = "drop"', 'access.default: expected one of "pass", "refuse", "ignore", "empty"'),
        ('refuse = "192.0.2.0/24"', "access.refuse: expected a list of networks such as"),
        ('refuse = ["192.0.2.1/24"]', "has host bits set; did you mean 192.0.2.0/24?"),
        ('ignore = ["192.0.2.0/33"]', "access.ignore: expected a list of networks"),
        ('empty = ["bl.example"]', "access.empty: expected a list of networks"),
        ('pass = ["192.0.2.7", "192.0.2.7/32"]',
         "access.pass: expected each network once, but 192.0.2.7/32 stands twice"),
        ('pass = ["192.0.2.7"]\nempty = ["192.0.2.7"]',
         "access.empty: expected each network once, but 192.0.2.7/32 stands in access.pass as"),
        ("deny = []", "access.deny: is not a known key; known here: default, pass, refuse"),
    ],
)  # fmt: skip
def test_a_mistake_names_key_and_reason(tmp_path: Path, text: str, said: str) -> None:
    """With the file before them."""
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, text)

    assert str(refused.value).startswith(f"{tmp_path}/bl.example.toml: access.")
    assert said in str(refused.value)


@given(st.dictionaries(st.ip_addresses(v=4).map(str), st.sampled_from(ACTIONS), max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read(tmp_path: Path, held: dict[str, str]) -> None:
    """Each network with its action, whatever their order."""
    lists = {action: [text for text in held if held[text] == action] for action in ACTIONS}

    config = read(tmp_path, "".join(f"{action} = {texts}\n" for action, texts in lists.items()))

    assert dict(config.networks) == {parse(text): action for text, action in held.items()}


def test_thousands_of_networks_are_read(tmp_path: Path) -> None:
    """As a country's might be."""
    networks = [f"10.{number // 256}.{number % 256}.0/24" for number in range(20_000)]

    config = read(tmp_path, f"refuse = {networks}")

    assert len(config.networks) == len(networks)


def access(default: Action, **networks: str) -> AccessConfig:
    """A list as a zone file has it: networks by what becomes of them."""
    return AccessConfig(
        default,
        tuple(
            (parse(network), cast("Action", action.removesuffix("es")))
            for action, text in networks.items()
            for network in text.split()
        ),
    )


@pytest.mark.parametrize(
    ("inner", "outer", "network"),
    [
        (EVERYBODY, EVERYBODY, None),
        (EVERYBODY, access("refuse"), None),
        (access("refuse"), EVERYBODY, "0.0.0.0/0"),
        (access("refuse"), access("ignore"), None),
        (access("empty"), access("refuse"), None),
        # What brought this about: a list that keeps out a few is none that lets in a few.
        (access("refuse", passes="192.0.2.0/24"), access("pass", refuse="203.0.113.0/24"),
         "0.0.0.0/0"),
        (access("refuse", passes="192.0.2.0/24"), access("refuse", passes="192.0.2.128/25"), None),
        (access("refuse", passes="192.0.2.0/24"), access("refuse", passes="192.0.2.0/23"),
         "192.0.2.0/23"),
        (access("pass", ignore="2001:db8::/32"), access("pass", refuse="2001:db8::/33"),
         "2001:db8::/32"),
        (access("pass", ignore="2001:db8::/32"), access("pass", empty="2001:db8::/31"), None),
        # Both halves of it are kept out: nobody is left whom the network itself decides about.
        (access("pass", refuse="192.0.2.0/24"),
         access("pass", refuse="192.0.2.0/25 192.0.2.128/25"), None),
        (access("refuse", passes="0.0.0.0/1 128.0.0.0/1"),
         access("refuse", passes="0.0.0.0/0"), None),
        (access("pass", refuse="192.0.2.0/24"),
         access("pass", refuse="192.0.2.0/25 192.0.2.128/26"), "192.0.2.0/24"),
        (access("pass", refuse="192.0.2.7"), EVERYBODY, "192.0.2.7/32"),
    ],
)  # fmt: skip
def test_what_a_wider_list_opens_is_found(
    inner: AccessConfig, outer: AccessConfig, network: str | None
) -> None:
    """A network with somebody whom the inner list keeps out and the outer one answers, or none."""
    assert opened(inner, outer) == (None if network is None else parse(network))


SMALL = st.builds(
    lambda bits, length: Network(4, bits >> (4 - length) << (32 - length), length),
    st.integers(0, 15),
    st.integers(0, 4),
)
LISTS = st.builds(
    lambda default, networks: AccessConfig(default, tuple(networks.items())),
    st.sampled_from(ACTIONS),
    st.dictionaries(SMALL, st.sampled_from(ACTIONS), max_size=12),
)


@settings(max_examples=500)
@given(inner=LISTS, outer=st.lists(LISTS, min_size=1, max_size=2))
def test_it_is_found_exactly(inner: AccessConfig, outer: list[AccessConfig]) -> None:
    """As by asking all lists about every client; IPv6 has the defaults."""
    clients = [Network(4, high << 28, 32) for high in range(16)] + [parse("2001:db8::1")]
    lists = [AccessList(each) for each in outer]
    wronged = [
        client
        for client in clients
        if AccessList(inner).action(client) != "pass"
        and all(each.action(client) == "pass" for each in lists)
    ]

    network = opened(inner, *outer)

    assert (network is None) == (not wronged)
    assert network is None or any(network.covers(client) for client in wronged)
