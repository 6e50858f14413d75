"""The lists and the page of `python -m benchmarks.kinds`."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

from benchmarks import kinds, questions
from benchmarks.figures import Figures
from benchmarks.prepared import Prepared
from dnsbl.config import load
from dnsbl.config.keys import may_be_key
from dnsbl.name import parse_name


def test_names_are_plausible_distinct_and_the_same_each_time() -> None:
    """Of some twenty characters, as lists of domains have them."""
    names = list(kinds.domain_names(2000))

    assert names == list(islice(kinds.domain_names(4000), 2000))
    assert len(set(names)) == 2000
    assert all(parse_name(name).domain == name for name in names)
    assert 14 < sum(map(len, names)) / len(names) < 24


def test_half_of_the_questions_about_names_are_listed(tmp_path: Path) -> None:
    """By the exact name, or by one that a wildcard covers."""
    served = kinds.prepare_names(tmp_path, replace(kinds.NAMES, entries=400))
    listed = {parse_name(line) for line in served.feed.read_text().split()}

    assert len(listed) == 400
    assert {held for _, held in served.sample} == {True, False}
    for name, held in served.sample:
        assert any(each in listed for each in parse_name(name).covering()) == held
    assert questions.message(served.sample[0][0])[12:].count(b"\2bl\7example\0") == 1


def test_every_kind_has_a_configuration_that_loads(tmp_path: Path) -> None:
    """The aggregate includes its parts, and the names are a list of names."""
    parts = [f"part{number}.example" for number in range(kinds.PARTS)]
    zones = {part: kinds.zone_text(part, ("a", "b")) for part in parts}
    zones["bl.example"] = kinds.zone_text("bl.example", (), f"include = {parts}\n")
    kind = kinds.Kind("x", Prepared(tmp_path), tuple(zones.items()))

    kind.configure(5300)

    assert len(load(tmp_path / "dnsbl.toml").zones) == kinds.PARTS + 1


def test_the_page_judges_by_rounds() -> None:
    """A ratio is of one round's turns, and says whether it holds."""
    figures = Figures({"date": "2026-11-25"})
    for turn in range(2):
        figures.add(kinds.ADDRESSES.name, kinds.PLAIN, turn, cpu_us=2.0 + turn)
        figures.add(kinds.ADDRESSES.name, kinds.AGGREGATE, turn, cpu_us=2.2 + 1.1 * turn)

    page = kinds.page(figures)

    assert "| date | 2026-11-25 |" in page
    assert "| ≤ 1.15 × | 1.10 × | yes |" in page
    judged = [most for _, most, *_ in kinds.AIMS if most is not None]
    assert page.count("not measured") == len(judged) - 1


def test_the_questions_with_a_key_are_the_same_questions(tmp_path: Path) -> None:
    """Each has the key before the origin, and nothing else is another."""
    served = questions.prepare(replace(kinds.ADDRESSES, entries=400), tmp_path)
    keyed = kinds.with_key(served)

    label = bytes([26]) + kinds.KEY.encode()
    assert may_be_key(kinds.KEY.encode())
    plain = served.questions.read_bytes()
    with_key = keyed.questions.read_bytes()
    assert with_key.count(label + b"\2bl\7example\0") == plain.count(b"\2bl\7example\0") > 400
    at = 2 + int.from_bytes(with_key[:2], "big")
    assert with_key[2:at].replace(label, b"") == plain[2 : 2 + int.from_bytes(plain[:2], "big")]
    assert questions.message(keyed.sample[0][0]).replace(label, b"") == questions.message(
        served.sample[0][0]
    )
    assert [held for _, held in keyed.sample] == [held for _, held in served.sample]
