"""A short run of each target, from a seed that stays; `make fuzz` runs as long as is wished."""

from __future__ import annotations

import os
from collections import Counter
from random import Random
from typing import Final

import pytest
import twins

from fuzz import __main__ as command
from fuzz import rounds
from fuzz.rounds import TARGETS, DisagreementError, run

SEED: Final = 20_261_125
COUNTS: Final = {
    "answers": 24_000, "changes": 24_000, "images": 1200, "names": 16_000, "rows": 16_000,
}  # fmt: skip
SHARE_VARIABLE: Final = "FUZZ_SHARE"  # of the counts: `make sanitize` is slower, and runs less

# So that no comparison becomes empty: each kind is met at least once in so many.
KINDS: Final = {
    "answers": {
        "NOERROR 0": 50, "NOERROR 1": 100, "NOERROR 2": 200, "NXDOMAIN 0": 20, "truncated": 1000,
        "dropped": 500, "declined": 20,
    },
    "changes": {"put": 4, "discard": 4, "question": 20, "drop": 1000},
    "images": {"whole": 100, "restored": 10, "refused": 10},
    "names": {"put": 10, "discard": 10, "question": 20, "drop": 1000, "rows": 50, "odd": 200},
    "rows": {"rows": 2, "odd": 20},
}  # fmt: skip


@pytest.mark.parametrize("name", TARGETS)
def test_the_twins_agree(name: str) -> None:
    """Over tens of thousands of messages, changes and rows, and every kind of them is met."""
    twins.compiled("answer")
    count = int(COUNTS[name] * float(os.environ.get(SHARE_VARIABLE, "1")))

    tally = run(name, SEED, count=count)

    assert tally.total >= count
    for kind, once_in in KINDS[name].items():
        assert tally.compared[kind] >= count // once_in, (kind, tally.compared)


@pytest.fixture
def differing(monkeypatch: pytest.MonkeyPatch) -> str:
    """A target that finds something in its fourth round."""
    seen: list[float] = []

    def target(rng: Random) -> Counter[str]:
        chance = rng.random()
        assert len(seen) != 3 or chance in seen, f"they differ at {chance}"
        if len(seen) < 3:
            seen.append(chance)
        return Counter(compared=10)

    monkeypatch.setitem(rounds.TARGETS, "differing", target)
    return "differing"


def test_a_failure_says_how_to_see_it_again(differing: str) -> None:
    """By the seed and the round, which is made of these alone."""
    with pytest.raises(DisagreementError, match=r"differ at (?s:.*)--seed 7 --round 3") as first:
        run(differing, 7, count=1000)
    with pytest.raises(DisagreementError) as again:
        rounds.run_round(differing, 7, 3)

    assert str(again.value) == str(first.value)


def test_the_command_prints_seed_and_rate(
    differing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And ends with 1 where the twins differ."""
    assert command.main([differing, "--seed", "7", "--count", "30"]) == 0
    told = capsys.readouterr().out
    assert "seed 7\n" in told
    assert "differing: 30 in 3 rounds" in told
    assert "/s (compared: 30)" in told

    assert command.main([differing, "--seed", "7", "--seconds", "60"]) == 1
    assert "python -m fuzz differing --seed 7 --round 3" in capsys.readouterr().err


def test_one_round_alone(differing: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command takes what a failure names."""
    assert command.main([differing, "--seed", "7", "--round", "0"]) == 0
    assert "differing: {'compared': 10}" in capsys.readouterr().out


def test_a_target_that_is_none_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """With the names of those that are."""
    with pytest.raises(SystemExit, match="2"):
        command.main(["nothing"])
    assert "answers, changes, images, names, rows" in capsys.readouterr().err
