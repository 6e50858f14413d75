"""Access lists: the most specific network that a client lies in decides."""

from __future__ import annotations

import pytest
import twins
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dnsbl.config.access import ACTIONS, EVERYBODY, AccessConfig, Action
from dnsbl.network import BITS, Family, Network, parse
from dnsbl.zone import access
from dnsbl.zone.access import DENIALS, AccessList


@pytest.fixture(params=twins.RADIXES)
def _either_twin(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Access lists on either twin of the radix."""
    monkeypatch.setattr(access, "new_radix", twins.radix(request.param))


def listed(default: Action = "pass", **networks: Action) -> AccessList:
    """The list of networks written as texts, dots and colons and all."""
    return AccessList(
        AccessConfig(default, tuple((parse(text), action) for text, action in networks.items()))
    )


@pytest.mark.usefixtures("_either_twin")
def test_the_most_specific_network_decides() -> None:
    """Whichever action it has, and whichever those around it have."""
    networks: dict[str, Action] = {
        "192.0.2.0/24": "refuse",
        "192.0.2.128/25": "pass",
        "192.0.2.130/32": "ignore",
        "2001:db8::/32": "empty",
        "2001:db8:1::/48": "refuse",
    }
    clients = ("192.0.2.1", "192.0.2.129", "192.0.2.130", "192.0.3.1", "2001:db8::1",
               "2001:db8:1::1", "2001:db9::1")  # fmt: skip

    actions = [listed(**networks).action(parse(client)) for client in clients]

    assert actions == ["refuse", "pass", "ignore", "pass", "empty", "refuse", "pass"]


@pytest.mark.usefixtures("_either_twin")
@pytest.mark.parametrize("default", ACTIONS)
def test_the_default_decides_elsewhere(default: Action) -> None:
    """In both families."""
    access_list = listed(default, **{"192.0.2.0/24": "pass", "2001:db8::/32": "pass"})

    actions = [
        access_list.action(parse(client))
        for client in ("192.0.2.1", "198.51.100.1", "2001:db8::1", "2001:db9::1")
    ]

    assert actions == ["pass", default, "pass", default]
    assert access_list.default == default


@pytest.mark.usefixtures("_either_twin")
def test_the_whole_of_a_family_is_a_network() -> None:
    """And more specific than the default."""
    access_list = listed("refuse", **{"0.0.0.0/0": "empty"})

    actions = [access_list.action(parse(client)) for client in ("192.0.2.1", "2001:db8::1")]

    assert actions == ["empty", "refuse"]


def test_a_list_that_lets_everybody_pass_is_trivial() -> None:
    """It need not be asked; any other does."""
    assert AccessList(EVERYBODY).trivial
    assert listed(**{"192.0.2.0/24": "pass"}).trivial
    assert not listed("refuse").trivial
    assert not listed(**{"192.0.2.0/24": "refuse"}).trivial
    assert listed("refuse", **{"0.0.0.0/0": "pass", "::/0": "pass"}).trivial


@st.composite
def configurations(draw: st.DrawFn) -> tuple[AccessConfig, list[Network]]:
    """Networks that lie in each other, and clients in and beside them."""
    family: Family = draw(st.sampled_from((4, 6)))
    width = BITS[family]
    bits = st.integers(0, 7).map(lambda few: few << width - 3 | few)
    networks = st.builds(
        lambda whole, length: Network(family, whole, width).widened(length),
        bits,
        st.integers(0, width),
    )
    held = draw(st.dictionaries(networks, st.sampled_from(ACTIONS), max_size=12))
    clients = draw(st.lists(bits.map(lambda whole: Network(family, whole, width)), min_size=1))
    return AccessConfig(draw(st.sampled_from(ACTIONS)), tuple(held.items())), clients


@pytest.mark.usefixtures("_either_twin")
@given(configurations())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_plain_search_finds_the_same(drawn: tuple[AccessConfig, list[Network]]) -> None:
    """The longest of the networks that cover the client; and the radix decides for one at most."""
    config, clients = drawn
    access_list = AccessList(config)

    for client in clients:
        covering = [(net.length, action) for net, action in config.networks if net.covers(client)]
        expected = max(covering)[1] if covering else config.default
        assert access_list.action(client) == expected


def test_the_categories_of_the_radix_are_the_denials() -> None:
    """In their order, which the compiled path goes by."""
    assert DENIALS == AccessList(EVERYBODY).radix.categories == ("refuse", "ignore", "empty")
