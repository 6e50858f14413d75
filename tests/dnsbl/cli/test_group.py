"""The command `dnsbl` itself: how every verb ends."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import version
from typing import Any

import click
import click.testing
import pytest
from house import House

from dnsbl.cli import commands
from dnsbl.cli.group import GROUPS, VERBS
from dnsbl.cli.report import moment, printable
from dnsbl.store.database import Database

DATABASE_VERBS = {
    "add": ("add", "192.0.2.1"),
    "remove": ("remove", "192.0.2.1"),
    "exclude": ("exclude", "192.0.2.1"),
    "import": ("import", "-"),
    "show": ("show", "192.0.2.1"),
    "list": ("list",),
    "key add": ("key", "add", "acme"),
    "key list": ("key", "list"),
    "key change": ("key", "change", "acme", "--no-quota"),
    "key revoke": ("key", "revoke", "acme"),
}
WRITING_VERBS = [
    verb for name, verb in DATABASE_VERBS.items() if name not in ("show", "list", "key list")
]


def plainly(result: click.testing.Result, exit_code: int, sentence: str) -> None:
    """Asserts one line of reason on standard error, and nothing else."""
    assert result.exit_code == exit_code
    assert result.stdout == ""
    assert sentence in result.stderr
    assert result.stderr.startswith("dnsbl: ")
    assert result.stderr.count("\n") == 1


def test_version_is_printed() -> None:
    """The version of the package that is installed."""
    result = click.testing.CliRunner().invoke(commands, ["--version"], prog_name="dnsbl")

    assert result.output == f"dnsbl {version('dnsbl')}\n"


def test_python_m_dnsbl_is_the_same_command() -> None:
    """For those who have no console script at hand."""
    done = subprocess.run(
        [sys.executable, "-m", "dnsbl", "--version"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    assert done.stdout == f"dnsbl {version('dnsbl')}\n"


def test_no_command_shows_the_help(run: Callable[..., Any]) -> None:
    """With the exit code of wrong usage."""
    result = click.testing.CliRunner().invoke(commands, [], prog_name="dnsbl")

    assert result.exit_code == 2
    assert result.output.startswith("Usage: dnsbl [OPTIONS] COMMAND")
    plainly(run("frobnicate"), 2, "No such command 'frobnicate' (see `dnsbl --help`)")
    plainly(run("export"), 2, "No such command 'export' (see `dnsbl --help`)")
    plainly(run("lsit"), 2, "No such command 'lsit'; did you mean list? (see `dnsbl --help`)")
    plainly(run("--frobnicate"), 2, "No such option '--frobnicate'")


def test_the_help_shows_every_command_in_our_order() -> None:
    """The services first, then what changes listings, then what looks."""
    result = click.testing.CliRunner().invoke(commands, ["-h"], prog_name="dnsbl")

    listed = result.output.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed] == list(VERBS)
    assert all(line.split()[1:] for line in listed)


def test_a_verb_loads_nothing_of_the_others() -> None:
    """Whoever lists an address waits for no server to be imported."""
    program = "import sys, dnsbl.cli.listing; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )

    loaded = set(done.stdout.split())
    assert "dnsbl.cli.listing" in loaded
    assert loaded & {"dnsbl.server.service", "dnsbl.cli.question", "dns", "uvloop", "rich"} == set()


def test_the_configuration_may_be_named_before_the_command(house: House) -> None:
    """One after the command counts more."""
    runner = click.testing.CliRunner()
    before = ["--config", str(house.file)]

    added = runner.invoke(commands, [*before, "add", "192.0.2.1"])
    own = runner.invoke(commands, ["--config", "/nowhere", "list", *before])
    missing = runner.invoke(commands, ["--config", "/nowhere", "list"])

    assert added.stdout == "192.0.2.1 listed in bl.example/spam\n"
    assert "192.0.2.1/32" in own.stdout
    assert missing.exit_code == 2
    assert missing.stderr == (
        "dnsbl: /nowhere: cannot be read: No such file or directory; "
        "name it with --config FILE or DNSBL_CONFIG\n"
    )


@pytest.mark.parametrize(
    "name",
    [name for name in VERBS if name not in GROUPS]
    + [f"{group} {verb}" for group, verbs in GROUPS.items() for verb in verbs],
)
def test_every_command_has_a_help_with_its_configuration(name: str) -> None:
    """-h says what it does, in lines that fit a terminal, and how it is configured."""
    result = click.testing.CliRunner().invoke(commands, [*name.split(), "-h"], prog_name="dnsbl")

    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: dnsbl {name} ")
    assert "--config FILE" in result.output
    assert "dnsbl.toml" in result.output
    assert max(len(line) for line in result.output.splitlines()) <= 100


@pytest.mark.parametrize("verb", [*DATABASE_VERBS.values(), ("check",), ("query", "192.0.2.1")])
def test_a_wrong_configuration_is_exit_code_2(
    run: Callable[..., Any], house: House, verb: tuple[str, ...]
) -> None:
    """Missing, or with a key that nobody knows: the file is named."""
    house.write_config("[dsn]\n")
    plainly(run(*verb), 2, f"{house.file}: dsn: is not a known key; did you mean dns?")

    house.file.unlink()
    plainly(run(*verb), 2, f"{house.file}: cannot be read: No such file or directory")


def test_the_environment_names_the_configuration(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNSBL_CONFIG counts where --config is left out; without both, dnsbl.toml here."""
    runner = click.testing.CliRunner()
    monkeypatch.setenv("DNSBL_CONFIG", str(house.file))
    assert runner.invoke(commands, ["add", "192.0.2.1"]).exit_code == 0

    monkeypatch.delenv("DNSBL_CONFIG")
    monkeypatch.chdir(house.folder)
    assert "192.0.2.1" in runner.invoke(commands, ["list"]).output


@pytest.mark.parametrize("verb", DATABASE_VERBS.values(), ids=DATABASE_VERBS)
def test_a_database_that_cannot_be_used_is_exit_code_1(
    run: Callable[..., Any], house: House, verb: tuple[str, ...]
) -> None:
    """A file of rubbish is named in one line, and is left as it is."""
    path = house.config.data.database
    path.parent.mkdir()
    path.write_bytes(b"rubbish, not a database" * 1000)

    plainly(run(*verb), 1, f"{path}: is not an SQLite database, or is damaged")
    assert path.read_bytes() == b"rubbish, not a database" * 1000


@pytest.mark.parametrize("verb", DATABASE_VERBS.values(), ids=DATABASE_VERBS)
def test_a_database_of_a_newer_version_is_exit_code_1(
    run: Callable[..., Any], database: Database, verb: tuple[str, ...]
) -> None:
    """Nothing is done to a schema that this version does not know."""
    with closing(sqlite3.connect(database.path)) as other, other:
        other.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
            "VALUES ('dnsbl', '9999_future', '2030-01-01')"
        )

    plainly(run(*verb), 1, "was written by a newer version (it has 9999_future); upgrade dnsbl")


@pytest.mark.parametrize("verb", WRITING_VERBS, ids=[verb[0] for verb in WRITING_VERBS])
def test_a_locked_database_is_waited_for_and_then_reported(
    run: Callable[..., Any], database: Database, verb: tuple[str, ...]
) -> None:
    """After the time that --wait gives: one plain line, exit code 1, nothing changed."""
    with database.transaction():
        plainly(run(*verb, "--wait", "1s"), 1, "is locked by another program; try again later")


@pytest.mark.parametrize("verb", [DATABASE_VERBS["show"], DATABASE_VERBS["list"]])
def test_readers_never_wait_for_writers(
    run: Callable[..., Any], database: Database, verb: tuple[str, ...]
) -> None:
    """An import that goes on for minutes keeps nobody from looking."""
    with database.transaction():
        assert run(*verb).exit_code == 0


@pytest.mark.parametrize("verb", WRITING_VERBS, ids=[verb[0] for verb in WRITING_VERBS])
def test_a_missing_database_is_made_by_whoever_writes(
    run: Callable[..., Any], house: House, verb: tuple[str, ...]
) -> None:
    """The first command needs no ceremony; whoever reads is told that there is nothing."""
    plainly(run("list"), 1, f"{house.config.data.database}: does not exist")

    run(*verb)

    assert run("list").exit_code == 0


@pytest.mark.parametrize("unbuffered", ["1", ""])
@pytest.mark.parametrize("words", [("list", "-o", "json"), ("--version",)], ids=lambda w: w[0])
def test_output_that_cannot_be_written_is_one_line(
    house: House, database: Database, words: tuple[str, ...], unbuffered: str
) -> None:
    """A full disk under standard output, as /dev/full is; whether Python writes at once or not."""
    assert database.path.exists()
    with open("/dev/full", "wb") as full:  # noqa: PTH123  # a device
        done = subprocess.run(
            [sys.executable, "-m", "dnsbl", "--config", str(house.file), *words],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr == "dnsbl: input or output: No space left on device\n"


@pytest.mark.parametrize(
    ("words", "revoke"),
    [
        (("key", "add", "acme"), "dnsbl key revoke acme --zone bl.example"),
        (("key", "add", "acme", "-o", "json"), "dnsbl key revoke acme --zone bl.example"),
        (("token", "create", "anna", "--scope", "review"), "dnsbl token revoke anna"),
    ],
    ids=["key", "key-json", "token"],
)
def test_a_secret_that_cannot_be_shown_is_told_with_what_revokes_it(
    run: Callable[..., Any], house: House, words: tuple[str, ...], revoke: str
) -> None:
    """It is made by then, and nobody knows it: the line that is printed is one to copy."""
    with open("/dev/full", "wb") as full:  # noqa: PTH123  # a device
        done = subprocess.run(
            [sys.executable, "-m", "dnsbl", "--config", str(house.file), *words],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
        )  # fmt: skip

    assert done.returncode == 1
    assert "is made, but could not be shown: No space left on device" in done.stderr
    assert f"; `{revoke}` revokes it\n" in done.stderr
    assert run(*revoke.split()[1:]).exit_code == 0


@pytest.mark.parametrize(
    "words",
    [("key", "add", "acme"), ("token", "create", "anna", "--scope", "review")],
    ids=["key", "token"],
)
def test_no_secret_is_made_where_standard_output_is_closed(
    house: House, database: Database, words: tuple[str, ...]
) -> None:
    """Nobody would see it; `dnsbl … >&-` in a shell."""
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh",
         sys.executable, "-m", "dnsbl", *words, "--config", str(house.file)],
        stderr=subprocess.PIPE, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr == (
        "dnsbl: standard output is closed: nothing is made, as it could not be shown\n"
    )
    assert list(database.rows("SELECT act FROM audit")) == []


@pytest.mark.parametrize(
    ("verb", "exit_code", "says"),
    [(("import", "-"), 1, "stdin names nothing: it is empty"), (("bounce",), os.EX_DATAERR, "")],
    ids=["import", "bounce"],
)
def test_a_closed_standard_input_is_an_empty_one(
    house: House, verb: tuple[str, ...], exit_code: int, says: str
) -> None:
    """As a supervisor leaves it; `dnsbl … <&-` in a shell."""
    house.write_config('[mail]\ntransport = "file"\nbounces = "bounces@bl.example"\n')
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&-', "sh",
         sys.executable, "-m", "dnsbl", *verb, "--config", str(house.file)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert done.returncode == exit_code, done.stderr
    assert says in done.stderr
    assert done.stderr.startswith("dnsbl: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("list", "--limit", "x"), "'x' is not a valid whole number"),
        (("list", "--limit", f"{10**30}"), "is not in the range 1<=x<=1000000000"),
        (("requests", "show", "x"), "'x' is not a valid whole number"),
        (("hooks", "deliveries", "news", "--limit", f"{10**30}"), "is not in the range"),
        (("hooks", "replay", "news", f"{10**30}"), "is not in the range"),
        (("query", "192.0.2.1", "--timeout", "x"), "'x' is not a valid number"),
        (("query", "192.0.2.1", "--timeout", "nan"), "'nan' is not a valid number"),
        (("top", "--once", "--interval", "nan"), "'nan' is not a valid number"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, tuple) else "",
)
def test_what_is_no_number_is_wrong_usage(
    run: Callable[..., Any], words: tuple[str, ...], says: str
) -> None:
    """Nor one beyond all bounds, nor one that is none by its name; in words of no library."""
    plainly(run(*words), 2, says)


@pytest.mark.parametrize("unbuffered", ["1", ""])
def test_an_error_that_nobody_reads_keeps_its_exit_code(house: House, unbuffered: str) -> None:
    """Scripts that close standard error, or fill the disk with it, still learn how it ended."""
    house.write_config("[mial]\n")
    with open("/dev/full", "wb") as full:  # noqa: PTH123  # a device
        done = subprocess.run(
            [sys.executable, "-m", "dnsbl", "list", "--config", str(house.file)],
            stdout=subprocess.PIPE, stderr=full, check=False, timeout=60,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip

    assert (done.returncode, done.stdout) == (2, b"")


def test_a_locale_without_some_character_is_no_failure(house: House, database: Database) -> None:
    """Terminals of 1990 show an escape instead."""
    assert database.path.exists()
    done = subprocess.run(
        [sys.executable, "-m", "dnsbl", "show", "127.0.0.2", "--config", str(house.file)],
        capture_output=True, check=False, timeout=60,
        env={"PYTHONIOENCODING": "koi8-r", "PYTHONUTF8": "0"},
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, b"")
    assert b"RFC 5782 \\xa75" in done.stdout


def test_moments_are_utc_to_the_second() -> None:
    """ISO 8601 with a Z, and "never" for none."""
    assert [moment(0), moment(1_000_000_000), moment(None)] == [
        "1970-01-01T00:00:00Z", "2001-09-09T01:46:40Z", "never",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain, città, 日本", "plain, città, 日本"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("\x9b31m\x7f", "\\x9b31m\\x7f"),
        ("caff\udce8", "caff\\udce8"),
    ],
)
def test_printable_escapes_what_a_terminal_acts_on(text: str, expected: str) -> None:
    """Letters of every script stay; control characters of every kind do not."""
    assert printable(text) == expected
