"""The domain-name value, against a model that lists what each one means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnsbl.name import (
    DOMAIN_CHARS_MAX,
    NAME_TEXT_CHARS_MAX,
    DomainNameError,
    Name,
    Scope,
    parse_canonical_name,
    parse_name,
)

SCOPES: tuple[Scope, ...] = ("exact", "below", "all")

# Few labels, so that names meet: "a" and "ba" among them, which end alike.
domains = st.lists(st.sampled_from(["a", "ba", "c"]), min_size=1, max_size=4).map(".".join)
names = st.builds(Name, domains, st.sampled_from(SCOPES))
garbage = st.one_of(
    st.text(max_size=300),
    st.text(alphabet="abzAZ019-_.*!/ \n\0\ud800K٣\u0131", max_size=80),
)


def means(name: Name, domain: str) -> bool:
    """The model: whether a domain is one of those that the name means."""
    if domain == name.domain:
        return name.scope != "below"
    return name.scope != "exact" and domain.endswith("." + name.domain)


@pytest.mark.parametrize(
    ("text", "domain", "scope"),
    [
        ("example.com", "example.com", "exact"),
        ("*.example.com", "example.com", "below"),
        (".example.com", "example.com", "all"),
        ("EXAMPLE.Com.", "example.com", "exact"),
        ("*.Example.Com.", "example.com", "below"),
        ("test", "test", "exact"),
        (".zip", "zip", "all"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example", "exact"),
        ("-_a-.example", "-_a-.example", "exact"),
        ("1.2.3.4a", "1.2.3.4a", "exact"),
        ("a" * 63 + ".example", "a" * 63 + ".example", "exact"),
    ],
)
def test_a_name_is_read_in_each_of_its_forms(text: str, domain: str, scope: Scope) -> None:
    """A domain in any case, with or without its last dot, and with *. or . before it, is a name."""
    assert Name(domain, scope) == parse_name(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "every name there is"),
        (".", "every name there is"),
        ("*", "every name there is"),
        ("*.", "every name there is"),
        ("..", "every name there is"),
        ("*..", "every name there is"),
        ("..example.com", "the label '' is not"),
        ("example..com", "the label '' is not"),
        ("example.com..", "the label '' is not"),
        ("a.*.example.com", "the label '*' is not"),
        ("*.*.example.com", "the label '*' is not"),
        ("exa mple.com", "the label 'exa mple' is not"),
        ("example.com\n", "the label 'com\\n' is not"),
        ("http://example.com", "the label 'http://example' is not"),
        ("a" * 64 + ".example", "is not 1 to 63"),
        ("bücher.example", "its xn-- form"),
        ("\u212aelvin.example", "its xn-- form"),
        ("192.0.2.1", "as addresses do"),
        (".192.0.2.1", "as addresses do"),
        ("1", "as addresses do"),
        ("192.0.2.0/24", "the label '0/24' is not"),
        ("2001:db8::1", "the label '2001:db8::1' is not"),
        ("a." * 126 + "ab", "too long"),
        ("a" * 1_000_000, "too long"),
    ],
)
def test_what_is_no_name_is_refused_with_a_reason(text: str, reason: str) -> None:
    """A text that is no domain name, or all of them, is refused by a sentence that says why."""
    with pytest.raises(DomainNameError, match=r".+") as refused:
        parse_name(text)

    assert reason in str(refused.value)
    assert len(str(refused.value)) < 500


def test_the_longest_name_that_the_dns_holds_is_a_name() -> None:
    """A domain of 253 characters is one, in each of its forms and with its last dot."""
    domain = "a." * 126 + "b"

    assert len(domain) == DOMAIN_CHARS_MAX
    for scope in SCOPES:
        name = Name(domain, scope)
        assert name == parse_name(str(name)) == parse_name(f"{name}.")
        assert len(str(name)) <= NAME_TEXT_CHARS_MAX


@given(names)
def test_canonical_text_reads_back(name: Name) -> None:
    """A name's text is canonical, and reads back as that name."""
    assert name == parse_canonical_name(str(name))
    assert name.text == str(name)


@pytest.mark.parametrize("text", ["Example.com", "example.com.", "*.example.com.", ".EXAMPLE.com"])
def test_another_spelling_is_not_canonical(text: str) -> None:
    """One name stands in one row: another spelling of it is refused, with the right one."""
    with pytest.raises(DomainNameError, match=r"write .*example\.com$"):
        parse_canonical_name(text)


@given(garbage)
def test_any_text_is_a_name_or_is_refused(text: str) -> None:
    """Whatever the text, it is a canonical name afterwards or an error of ours."""
    try:
        name = parse_name(text)
    except DomainNameError:
        return

    assert name == parse_canonical_name(str(name))


@given(names, names)
def test_covering_agrees_with_the_model(one: Name, other: Name) -> None:
    """A name covers another where all that the other means is meant by it."""
    deeper = f"c.{other.domain}"
    meant = [domain for domain in (other.domain, deeper, f"c.{deeper}") if means(other, domain)]

    expected = all(means(one, domain) for domain in meant)

    assert expected == one.covers(other)


@given(domains, st.lists(names, max_size=30))
def test_all_that_could_cover_are_told_in_their_order(domain: str, others: list[Name]) -> None:
    """Of an exact name, covering() has every name that covers it, the longest first."""
    asked = Name(domain, "exact")

    covering = asked.covering()

    assert {other for other in others if means(other, domain)} <= set(covering)
    assert all(means(name, domain) and name.covers(asked) for name in covering)
    lengths = [name.length for name in covering]
    assert sorted(set(lengths), reverse=True) == lengths


@given(names)
def test_a_wildcard_is_covered_by_itself_first(name: Name) -> None:
    """A name's covering ones begin with itself, and each of them covers it."""
    covering = name.covering()

    assert name == covering[0]
    assert all(other.covers(name) for other in covering)


def test_what_decides_is_the_nearest_form() -> None:
    """The name itself decides before its own dot form, and a nearer wildcard before a farther."""
    expected = ["b.example", ".b.example", "*.example", ".example"]

    assert expected == [str(name) for name in parse_name("b.example").covering()]
