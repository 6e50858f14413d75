"""What is asked: a file of DNS messages for dnsperf and the probe, half of them about what is
listed.

Every question is distinct, and there are enough of them that no run asks one
twice, so that no cache flatters anybody; all peers are asked the same ones.
"""

from __future__ import annotations

import json
import random
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.lists import (
    SEED,
    ListPlan,
    Members,
    address_text,
    lines,
    members,
    random_address,
    written,
)

ORIGIN: Final = "bl.example"
ANSWER: Final = "127.0.0.2"
TEXT: Final = "Access denied, banned sending IP [$]; to request removal visit {portal}/?ip=$"
TTL_S: Final = 300
NEGATIVE_TTL_S: Final = 60

QUESTIONS_MAX: Final = 2_000_000
SAMPLE: Final = 400  # answers that are compared with the list itself, for each peer in each round

RBLDNSD_HEAD: Final = f"""\
$SOA {TTL_S} ns1.{ORIGIN} hostmaster.{ORIGIN} 0 3600 600 86400 {NEGATIVE_TTL_S}
$NS {TTL_S} ns1.{ORIGIN}
$TTL {TTL_S}
:{ANSWER}:{TEXT.replace("{portal}", "http://127.0.0.1:8053")}
"""


@dataclass(frozen=True, slots=True)
class BenchList:
    """A list on disk. ``sample``: addresses, and whether each is listed."""

    plan: ListPlan
    feed: Path
    rbldnsd: Path
    questions: Path
    sample: tuple[tuple[str, bool], ...]

    @property
    def name(self) -> str:
        """Its plan's name."""
        return self.plan.name

    @property
    def listed(self) -> str:
        """An address that is listed."""
        return next(address for address, listed in self.sample if listed)


def message(subject: str) -> bytes:
    """The question for the A record of an address or a name, with 0 for its id."""
    labels = [label.encode() for label in subject.split(".")]
    if subject.replace(".", "").isdigit():
        labels.reverse()
    labels += [label.encode() for label in ORIGIN.split(".")]
    name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return struct.pack("!6H", 0, 0, 1, 0, 0, 0) + name + struct.pack("!2H", 1, 1)


def questions(
    listed: Members, entries: int, count: int, seed: int = SEED
) -> list[tuple[int, bool]]:
    """So many distinct addresses, and whether each is listed: half of them are, in random order.

    Where the list has fewer than half as many entries, there are fewer questions.
    """
    chance = random.Random(seed + 1)
    half = min(count // 2, entries)
    asked: dict[int, bool] = {}
    while len(asked) < half:
        asked[listed.draw(chance)] = True
    while len(asked) < 2 * half:
        address = random_address(chance)
        if address not in listed:
            asked[address] = False
    ordered = list(asked.items())
    chance.shuffle(ordered)
    return ordered


def prepare(plan: ListPlan, folder: Path) -> BenchList:
    """Writes a list's files, unless they are there from before."""
    own = folder / f"{plan.name}-{plan.entries}-{SEED}"
    feed, rbldnsd, asked, sample = (
        own / name for name in ("feed.txt", "rbldnsd.txt", "questions", "sample.json")
    )
    if not all(file.exists() for file in (feed, rbldnsd, asked, sample)):
        print(f"preparing the list {plan.name} …", flush=True)
        made = members(plan)
        ordered = questions(made, plan.entries, QUESTIONS_MAX)

        def write_feed(file: Path) -> None:
            with file.open("w") as out:
                out.writelines(f"{line}\n" for line in lines(made))

        def write_rbldnsd(file: Path) -> None:
            with file.open("wb") as out, feed.open("rb") as feed_in:
                out.write(RBLDNSD_HEAD.encode())
                shutil.copyfileobj(feed_in, out)

        def write_questions(file: Path) -> None:
            with file.open("wb") as out:
                for address, _ in ordered:
                    octets = message(address_text(address))
                    out.write(struct.pack("!H", len(octets)) + octets)

        def write_sample(file: Path) -> None:
            pairs = [(address_text(address), listed) for address, listed in ordered[:SAMPLE]]
            file.write_text(json.dumps(pairs))

        written(feed, write_feed)
        written(rbldnsd, write_rbldnsd)
        written(asked, write_questions)
        written(sample, write_sample)
    pairs = tuple((address, listed) for address, listed in json.loads(sample.read_text()))
    return BenchList(plan, feed, rbldnsd, asked, pairs)
