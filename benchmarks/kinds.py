"""`python -m benchmarks.kinds`: what other kinds of list cost, and what it costs to be careful.

On one list of addresses: an aggregate of five zones with twenty categories, rate
limits, and access lists, each beside the plain zone; and the same questions with
a key, which the compiled path leaves to Python. On a list of domain names: ours
beside rbldnsd's dnset. Peers take turns as in `rounds`.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from benchmarks import machine, questions, report, rounds
from benchmarks.figures import Figures
from benchmarks.lists import PLANS, SEED, ListPlan, address_text, written
from benchmarks.peers import Peer, Rbldnsd
from benchmarks.ports import free_port
from benchmarks.prepared import Prepared
from benchmarks.programs import FOLDER, PROJECT, compiled, product
from benchmarks.questions import ANSWER, ORIGIN, BenchList
from dnsbl.store.access_keys import AccessKey, add, find, key_hash
from dnsbl.store.database import open_writer

CACHE: Final = PROJECT / "build" / "bench" / "kinds"
PAGE: Final = FOLDER / "KINDS.md"
PARTS: Final = 5
CATEGORIES: Final = 20
REFUSED_NETWORKS: Final = 500
ADDRESSES: Final = PLANS["1M"]
NAMES: Final = ListPlan("names", 1_000_000)

KINDS: Final = ("addresses", "keys", "names")

PLAIN: Final = "dnsbl"
AGGREGATE: Final = "dnsbl, aggregate"
LIMITED: Final = "dnsbl, rate limits"
GUARDED: Final = "dnsbl, access lists"
KEYED: Final = "dnsbl, keys"
KEYED_LIST: Final = f"{ADDRESSES.name}, with and without a key"
KEY: Final = "benchmarkbenchmarkbenchmar"  # its holder's alone, in a database of ours
DNSET: Final = "rbldnsd dnset"

_LIMITS: Final = "[dns.rate_limit]\n" + "".join(
    f"{kind}_per_s = 1000000\n" for kind in ("listed", "unlisted", "empty", "errors")
)
_SYLLABLES: Final = (
    *(first + vowel for first in "bcdfghklmnprstvwz" for vowel in "aeio"),
    *("shop", "mail", "pay", "web", "secure", "account"),
)
_ENDINGS: Final = ("com", "net", "org", "info", "top", "xyz", "co.uk", "com.br", "ru", "de")


@dataclass(frozen=True, slots=True)
class Kind:
    """The product with zone files and a configuration of its own, on a database kept for it."""

    name: str
    prepared: Prepared
    zones: tuple[tuple[str, str], ...]
    more: str = ""
    answers: bool = True
    pinned: bool = True

    def command(self, served: BenchList, port: int) -> Sequence[str]:
        """Writes the configuration that it is started with."""
        del served
        self.configure(port)
        return [product(), "dns", "--config", str(self.prepared.config_file)]

    def configure(self, port: int) -> None:
        """The usual configuration, with this kind's own zone files."""
        self.prepared.configure(port)
        with self.prepared.config_file.open("a") as out:
            out.write(self.more)
        for origin, text in self.zones:
            (self.prepared.folder / "zones" / f"{origin}.toml").write_text(text)

    def bring(self, feeds: Sequence[tuple[str, str, Path]]) -> None:
        """Imports feeds (zone, category, file), unless that was done before."""
        if self.prepared.imported.exists():
            return
        print(f"{self.name}: importing …", flush=True)
        self.prepared.make_empty()
        self.configure(free_port())
        for zone, category, feed in feeds:
            subprocess.run(
                [product(), "import", str(feed), "--zone", zone, "--category", category,
                 "--force", "--config", str(self.prepared.config_file)],
                check=True, stdout=subprocess.DEVNULL,
            )  # fmt: skip
        self.prepared.imported.write_text("{}")


def zone_text(origin: str, categories: Sequence[str], lines: str = "") -> str:
    """A zone file; every category answers the same, since what is measured is the looking up."""
    return (
        f'origin = "{origin}"\nnameservers = ["ns1.{origin}"]\nhostmaster = "h@{origin}"\n{lines}'
        + "".join(
            f'[category.{name}]\nanswer = "{ANSWER}"\ntext = "{questions.TEXT}"\n'
            for name in categories
        )
    )


def domain_names(count: int, seed: int = SEED) -> Iterator[str]:
    """Plausible distinct names, of some twenty characters."""
    chance = random.Random(seed)
    seen: set[str] = set()
    while len(seen) < count:
        labels = ["".join(chance.choices(_SYLLABLES, k=chance.choice((4, 5, 6, 7))))]
        if chance.randrange(8) == 0:
            labels.insert(0, "".join(chance.choices(_SYLLABLES, k=2)))
        name = ".".join((*labels, chance.choice(_ENDINGS)))
        if name not in seen:
            seen.add(name)
            yield name


def _text(text: str) -> Callable[[Path], None]:
    """What `written` calls to write a text."""

    def write(file: Path) -> None:
        file.write_text(text)

    return write


def prepare_names(folder: Path, plan: ListPlan) -> BenchList:
    """The files of a list of names: seven in ten with what is below them, two exact, one below."""
    own = folder / f"{plan.name}-{plan.entries}-{SEED}"
    feed, rbldnsd, asked, sample = (
        own / name for name in ("feed.txt", "rbldnsd.txt", "questions", "sample.json")
    )
    if not sample.exists():
        print(f"preparing the list {plan.name} …", flush=True)
        names = list(domain_names(2 * plan.entries))
        chance = random.Random(SEED + 1)
        forms = chance.choices((".", "", "*."), (7, 2, 1), k=plan.entries)
        listed = [
            ("a." if form == "*." else "") + name
            for form, name in zip(forms, names[: plan.entries], strict=True)
        ]
        pairs = [(name, True) for name in listed]
        pairs += [(name, False) for name in names[plan.entries :]]
        chance.shuffle(pairs)
        lines = [form + name for form, name in zip(forms, names, strict=False)]
        body = "".join(f"{line}\n" for line in lines)

        def write_questions(file: Path) -> None:
            with file.open("wb") as out:
                for name, _ in pairs:
                    octets = questions.message(name)
                    out.write(struct.pack("!H", len(octets)) + octets)

        written(feed, _text(body))
        written(rbldnsd, _text(questions.RBLDNSD_HEAD + body))
        written(asked, write_questions)
        written(sample, _text(json.dumps(pairs[: questions.SAMPLE])))
    found = tuple((name, held) for name, held in json.loads(sample.read_text()))
    return BenchList(plan, feed, rbldnsd, asked, found)


def address_kinds(served: BenchList, folder: Path) -> list[Peer]:
    """The plain zone, and what is compared with it."""
    plain = Kind(PLAIN, Prepared(folder / "plain"), ())
    plain.bring([(ORIGIN, "spam", served.feed)])
    kinds: list[Peer] = [plain]
    parts = [f"part{number}.example" for number in range(PARTS)]
    names = [f"c{number}" for number in range(CATEGORIES // PARTS)]
    zones = [(part, zone_text(part, names)) for part in parts]
    zones.append((ORIGIN, zone_text(ORIGIN, (), f"include = {json.dumps(parts)}\n")))
    aggregate = Kind(AGGREGATE, Prepared(folder / "aggregate"), tuple(zones))
    with tempfile.TemporaryDirectory() as split:
        feeds = [(part, name, Path(split) / f"{part}-{name}") for part in parts for name in names]
        lines = served.feed.read_text().splitlines(keepends=True)
        for number, (_, _, file) in enumerate(feeds):
            file.write_text("".join(lines[number :: len(feeds)]))
        aggregate.bring(feeds)
    chance = random.Random(SEED)
    refused = sorted(
        {f"{address_text(chance.getrandbits(22) << 10)}/22" for _ in range(REFUSED_NETWORKS)}
    )
    refused = [network for network in refused if not network.startswith("127.")]
    guard = f"[dns.access]\nrefuse = {json.dumps(refused)}\n"
    kinds += [
        aggregate,
        *(_beside(plain, name, more) for name, more in ((LIMITED, _LIMITS), (GUARDED, guard))),
    ]
    return kinds


def _beside(plain: Kind, name: str, more: str) -> Kind:
    """The same database, copied, with more in the configuration."""
    folder = plain.prepared.folder.with_name(name.replace(", ", "-").replace(" ", "-"))
    if not (folder / "imported.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(plain.prepared.folder, folder)
    return replace(plain, name=name, prepared=Prepared(folder), more=more)


def with_key(served: BenchList) -> BenchList:
    """The same list, asked with the key: `4.3.2.1.KEY.bl.example`."""
    asked = served.questions.with_name("questions-keyed")
    origin = b"".join(bytes([len(label)]) + label.encode() for label in ORIGIN.split("."))
    label = bytes([len(KEY)]) + KEY.encode()

    def write(file: Path) -> None:
        data = served.questions.read_bytes()
        with file.open("wb") as out:
            at = 0
            while at < len(data):
                (length,) = struct.unpack_from("!H", data, at)
                octets = data[at + 2 : at + 2 + length]
                octets = octets.replace(origin, label + origin)
                out.write(struct.pack("!H", len(octets)) + octets)
                at += 2 + length

    if not asked.exists():
        written(asked, write)
    sample = tuple(
        (".".join((*reversed(address.split(".")), KEY)), listed)
        for address, listed in served.sample
    )
    return replace(served, questions=asked, sample=sample)


def measure_keyed(bench: rounds.Bench, figures: Figures, served: BenchList, folder: Path) -> None:
    """The plain zone and one that wants a key take turns, each asked in its own way."""
    plain = Kind(PLAIN, Prepared(folder / "plain"), ())
    plain.bring([(ORIGIN, "spam", served.feed)])
    text = zone_text(ORIGIN, ("spam",)) + '[keys]\nmode = "required"\n'
    keyed = replace(_beside(plain, KEYED, ""), zones=((ORIGIN, text),))
    hashed = key_hash(KEY.encode())
    assert hashed is not None
    with closing(open_writer(keyed.prepared.database)) as database:
        if find(database, ORIGIN, "bench") is None:
            add(database, AccessKey(hashed, ORIGIN, "bench", None, created_at=0))
    ways = [(plain, served), (keyed, with_key(served))]
    for turn in range(bench.rounds):
        for peer, asked in ways[:: 1 if turn % 2 else -1]:
            values = rounds.take_turn(bench, peer, asked)
            figures.add(KEYED_LIST, peer.name, turn, **values)
            print(f"{KEYED_LIST}: {peer.name}: {values['cpu_us']:.2f} µs each", flush=True)


def name_kinds(served: BenchList, folder: Path) -> list[Peer]:
    """Ours beside rbldnsd's."""
    text = zone_text(ORIGIN, ("spam",), 'lists = "names"\n')
    ours = Kind(PLAIN, Prepared(folder / "names"), ((ORIGIN, text),))
    ours.bring([(ORIGIN, "spam", served.feed)])
    return [ours, Rbldnsd("dnset")]


AIMS: Final[tuple[tuple[str, float | None, str, tuple[str, str], tuple[str, str]], ...]] = (
    ("aggregate of 5 zones and 20 categories: CPU per query, to one zone", 1.15,
     ADDRESSES.name, (AGGREGATE, "cpu_us"), (PLAIN, "cpu_us")),
    ("rate limits on: CPU per query, to none", 1.05,
     ADDRESSES.name, (LIMITED, "cpu_us"), (PLAIN, "cpu_us")),
    ("access lists on: CPU per query, to none", 1.05,
     ADDRESSES.name, (GUARDED, "cpu_us"), (PLAIN, "cpu_us")),
    ("asked with a key: CPU per query, to none", None,
     KEYED_LIST, (KEYED, "cpu_us"), (PLAIN, "cpu_us")),
    ("names: CPU per query, to rbldnsd dnset", 0.9,
     NAMES.name, (PLAIN, "cpu_us"), (DNSET, "cpu_us")),
    ("names: resident memory, to rbldnsd dnset", 1.0,
     NAMES.name, (PLAIN, "resident_mb"), (DNSET, "resident_mb")),
)  # fmt: skip


INTRODUCTION: Final = """\
Written by `make bench BENCH_ARGS=--write`; [RESULTS.md](RESULTS.md) says how it is measured.
Lists of one million entries; half of the questions are about what is listed."""


def page(figures: Figures) -> str:
    """KINDS.md: the aims, and the peers of each list."""
    rows = []
    for text, most, of_list, upper, lower in AIMS:
        spread = figures.ratio(of_list, upper, lower)
        if most is None:  # it costs what it costs
            rows.append([text, "", report.cell(spread, "×"), ""])
            continue
        holds = None if spread is None else spread.median <= most
        rows.append([text, f"≤ {most:g} ×", report.cell(spread, "×"), report.HOLDS[holds]])
    parts = [
        "# What other kinds of list cost",
        INTRODUCTION,
        report.table(["", ""], [[name, value] for name, value in figures.about.items()]),
        report.table(["figure", "aim", "measured", "holds"], rows),
    ]
    for name in figures.lists:
        parts += [f"## {name}", report.peers_table(figures, name)]
    return "\n\n".join(parts) + "\n"


def main() -> int:
    """Runs it all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kinds", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--entries", type=int, default=ADDRESSES.entries, help="of each list")
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=KINDS, help="these alone")
    parser.add_argument("--write", action="store_true", help="renews KINDS.md")
    chosen, _ = parser.parse_known_args()  # others are of `python -m benchmarks`
    figures = Figures(machine.about())
    folder = CACHE / str(chosen.entries)
    with tempfile.TemporaryDirectory() as programs:
        probe = compiled("probe", Path(programs))
        bench = rounds.Bench(chosen.seconds, chosen.rounds, probe, folder / "logs", Path(programs))
        addresses = replace(ADDRESSES, entries=chosen.entries)
        served = questions.prepare(addresses, folder / "lists")
        if "addresses" in chosen.kinds:
            rounds.measure(bench, figures, address_kinds(served, folder), served)
        if "keys" in chosen.kinds:
            measure_keyed(bench, figures, served, folder)
        if "names" in chosen.kinds:
            served = prepare_names(folder / "lists", replace(NAMES, entries=chosen.entries))
            rounds.measure(bench, figures, name_kinds(served, folder), served)
    print(page(figures))
    if chosen.write:
        PAGE.write_text(page(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
