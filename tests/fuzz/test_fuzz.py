"""A short run of each target, from a seed that stays; `make fuzz` runs as long as is wished."""

from __future__ import annotations

import os
import struct
from collections import Counter
from random import Random
from typing import Final

import pytest
import twins

from dnsbl.server import respond
from fuzz import __main__ as command
from fuzz import reading, rounds
from fuzz.rounds import TARGETS, DisagreementError, run

SEED: Final = 20_261_125
COUNTS: Final = {
    "answers": 24_000, "changes": 24_000, "framing": 4000, "images": 1200, "names": 16_000,
    "packets": 30_000, "rows": 16_000,
}  # fmt: skip
SHARE_VARIABLE: Final = "FUZZ_SHARE"  # of the counts: `make sanitize` is slower, and runs less

# So that no comparison becomes empty: each kind is met at least once in so many. What only some of
# the zones have, such as texts that are truncated, comes in clusters.
KINDS: Final = {
    "answers": {
        "NOERROR 0": 50, "NOERROR 1": 100, "NOERROR 2": 200, "NXDOMAIN 0": 20, "truncated": 1000,
        "dropped": 500, "declined": 20,
    },
    "changes": {"put": 4, "discard": 4, "question": 20, "drop": 1000},
    "framing": {"ended by the client": 4, "ended by no reply": 20, "ended by an empty message": 20},
    "images": {"whole": 100, "restored": 10, "refused": 10},
    "names": {"put": 10, "discard": 10, "question": 20, "drop": 1000, "rows": 50, "odd": 200},
    "packets": {
        "NOERROR, records": 100, "NOERROR, none": 50, "NXDOMAIN": 10, "FORMERR": 5, "NOTIMP": 200,
        "REFUSED": 20, "truncated": 1000, "dropped": 50, "dropped, no query": 50,
    },
    "rows": {"rows": 2, "odd": 20},
}  # fmt: skip


@pytest.mark.parametrize("name", TARGETS)
def test_twins_agree_and_promises_hold(name: str) -> None:
    """Over tens of thousands of messages, changes and rows, and every kind of them is met."""
    twins.compiled("answer")
    count = int(COUNTS[name] * float(os.environ.get(SHARE_VARIABLE, "1")))

    tally = run(name, SEED, count=count)

    assert tally.total >= count
    for kind, once_in in KINDS[name].items():
        assert tally.compared[kind] >= count // once_in, (kind, tally.compared)


QUERY: Final = bytes.fromhex(
    "0001010000010000000000010132013001300331323702626c076578616d706c650000010001"
    "0000290200000000000000"
)  # 2.0.0.127.bl.example, with an OPT record for 512 octets


def reply_to(query: bytes = QUERY, answer: bytes = b"", flags: int = 0x8500) -> bytes:
    """A reply as it should be, and so much more: a record, or flags of its own."""
    header = query[:2] + struct.pack("!HHHHH", flags, 1, bool(answer), 0, 1)
    return header + query[12:-11] + answer + query[-11:]


GOOD: Final = bytes.fromhex("c00c 0001 0001 0000012c 0004 7f000002")


def test_a_reply_in_order_passes() -> None:
    """With a name that is a pointer to the question's, and with OPT as in the query."""
    reading.check(QUERY, reply_to(), udp=True)
    reading.check(QUERY, reply_to(answer=GOOD), udp=True)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (reply_to()[:11], "no whole header"),
        (b"\0\0" + reply_to()[2:], "another ID"),
        (reply_to(flags=0x0500), "no reply by its header"),
        (reply_to(flags=0x8400), "another RD"),
        (reply_to(flags=0xA500), "another opcode"),
        (reply_to() + b"\0", "are counted"),
        (reply_to()[:-1], "a record at octet"),
        (reply_to()[:10] + b"\0\0" + reply_to()[12:-11], "no OPT to OPT"),
        (reply_to(answer=b"\xc0\x26" + GOOD[2:]), "does not lead back"),
        (reply_to(answer=b"\xc0\xff" + GOOD[2:]), "does not lead back"),
        (reply_to(answer=b"\x80\x0c" + GOOD[2:]), "no kind"),
        (reply_to(QUERY.replace(b"bl", b"xl")), "another question"),
        (reply_to(answer=GOOD[:10] + b"\2\0" + bytes(512)), "octets, 512 allowed"),
    ],
)  # fmt: skip
def test_a_reply_out_of_order_is_found(reply: bytes, message: str) -> None:
    """Whatever `packets` looks for, it would find."""
    with pytest.raises(AssertionError, match=message):
        reading.check(QUERY, reply, udp=True)


def test_an_exception_while_answering_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Responder answers SERVFAIL then, and the target fails all the same."""

    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(respond, "answer", broken)
    with pytest.raises(DisagreementError, match="an exception"):
        rounds.run_round("packets", SEED, 0)


def test_memory_that_grows_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that keeps a little of every round fails at the end of a long run."""
    sizes = iter(range(50 << 20, 1 << 40, 400_000))
    monkeypatch.setitem(rounds.TARGETS, "growing", lambda _: Counter(compared=1))
    monkeypatch.setattr(rounds, "resident_bytes", lambda: next(sizes))

    assert run("growing", 7, count=rounds.ROUNDS_FLAT - 1).rounds == rounds.ROUNDS_FLAT - 1
    with pytest.raises(DisagreementError, match=r"memory grew from \d+ MB to \d+ MB, seed 7"):
        run("growing", 7, count=rounds.ROUNDS_FLAT)


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
    assert "answers, changes, framing, images, names, packets, rows" in capsys.readouterr().err
