"""What CI makes of tests that fail: it names them, and hears a few of them once more."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
MAKEFILE = f"test test-pure:\n\t{sys.executable} -m pytest -p no:cacheprovider $(PYTEST_ARGS)\n"
# Nothing of what this project has for pytest, but what CI itself needs.
ENVIRONMENT = os.environ | {
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTEST_PLUGINS": "xdist.plugin",
    "MAKEFLAGS": "",
}
# A test that fails as often as it is told to, for a reason that is long.
UNSTEADY = """
import pathlib, pytest

@pytest.mark.parametrize("word", ["a::b", "c [d]"])
def test_now_and_then(word):
    tries = pathlib.Path(__file__).with_name(word)
    with tries.open("a") as file:
        file.write("x")
    assert len(tries.read_text()) > {failures}, "too soon"
"""
BROKEN = """
import pytest

@pytest.fixture(scope="module")
def browser():
    raise OSError("no display\\nnor any other")

@pytest.mark.parametrize("number", range({count}))
def test_a_page(browser, number): pass

class TestSteadily:
    def test_it(self): pass
    def test_that(self): assert False, "that is so"
"""


# A test that fails once, and one that the run ends in.
STOPPED = """
import pathlib, pytest

def test_a_failure():
    mark = pathlib.Path(__file__).with_name("mark")
    if not mark.exists():
        mark.touch()
        assert False, "too soon"

def test_the_end(): {end}

def test_what_is_left_out(): assert False, "that is so"
"""


# Compiled code that goes astray once, and not again.
CRASHING = """
import os, pathlib, signal

def test_it():
    mark = pathlib.Path(__file__).with_name("mark")
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGSEGV)
"""


def run(project: Path, options: str = "", **files: str) -> subprocess.CompletedProcess[str]:
    """What .ci/tests does in a project of these tests."""
    (project / ".ci").mkdir()
    (project / "tests").mkdir()
    shutil.copy(PROJECT / ".ci" / "tests", project / ".ci" / "tests")
    (project / "Makefile").write_text(MAKEFILE)
    (project / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    for name, text in files.items():
        (project / "tests" / f"{name}.py").write_text(text)
    return subprocess.run(
        [sys.executable, project / ".ci" / "tests", "test"],
        cwd=project, capture_output=True, text=True, check=False, timeout=120,
        env=ENVIRONMENT | {"PYTEST_ADDOPTS": options},
    )  # fmt: skip


def unsteady(project: Path) -> list[str]:
    """The lines that CI ends with."""
    file = project / "build" / "ci" / "unsteady.txt"
    return file.read_text().splitlines() if file.exists() else []


def test_what_passes_passes(tmp_path: Path) -> None:
    """Once is enough."""
    done = run(tmp_path, test_now=UNSTEADY.format(failures=0))

    assert (done.returncode, unsteady(tmp_path)) == (0, [])
    assert (tmp_path / "tests" / "c [d]").read_text() == "x"


def test_what_passes_alone_is_unsteady(tmp_path: Path) -> None:
    """It fails no build, and is told; only what failed is run again."""
    done = run(tmp_path, test_now=UNSTEADY.format(failures=1), test_it="def test_it(): pass")

    assert done.returncode == 0, done.stdout
    assert unsteady(tmp_path) == [
        "tests/test_now.py::test_now_and_then (2 times): AssertionError: too soon",
        "make test: 2 unsteady, failed once and passed alone",
    ]
    assert done.stdout.count("collected 3 items") == 1
    assert done.stdout.count("collected 2 items") == 1


def test_what_fails_twice_fails(tmp_path: Path) -> None:
    """The last lines name each function and reason, the most frequent last; errors of a fixture
    are told like failures.
    """
    done = run(tmp_path, test_pages=BROKEN.format(count=7), test_now=UNSTEADY.format(failures=1))

    assert done.returncode == 1
    assert done.stdout.splitlines()[-3:] == [
        "tests/test_pages.py::TestSteadily::test_that: AssertionError: that is so",
        'tests/test_pages.py::test_a_page (7 times): failed on setup with "OSError: no display',
        "make test: 8 failed twice",
    ]


def test_what_fails_often_is_not_run_again(tmp_path: Path) -> None:
    """More than ten are no accident."""
    done = run(tmp_path, test_pages=BROKEN.format(count=10))

    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "make test: 11 failed"
    assert done.stdout.count("test session starts") == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import nothing", "ModuleNotFoundError: No module named 'nothing'"),
        ("def test(", "SyntaxError: '(' was never closed"),
    ],
)
def test_what_cannot_be_collected_fails(tmp_path: Path, text: str, why: str) -> None:
    """The file is named."""
    done = run(tmp_path, test_it=text, test_now=UNSTEADY.format(failures=0))

    assert done.returncode == 1
    assert done.stdout.splitlines()[-2:] == [
        f"tests/test_it.py: {why}",
        "make test: 1 failed, and it was stopped (2)",
    ]


def test_lines_are_few_and_short(tmp_path: Path) -> None:
    """Of many that fail for reasons of their own, the last lines still tell how many there are."""
    text = "\n".join(f"def test_{n}(): raise ValueError('{n} ' + 'x' * 900)" for n in range(30))

    done = run(tmp_path, test_many=text)

    *lines, last = done.stdout.splitlines()[-12:]
    assert last == "make test: 30 failed"
    assert lines[0] == "and 20 lines of the kind"
    assert lines[-1].startswith("tests/test_many.py::test_29: ValueError: 29 xxx")
    assert max(map(len, lines)) <= 160


def test_a_run_without_a_report_fails(tmp_path: Path) -> None:
    """As where set-up fails."""
    (tmp_path / "pytest.ini").write_text("")
    done = run(tmp_path, conftest="raise OSError('no room')")

    assert done.returncode == 1
    assert "names no test that failed" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("end", "status"),
    [("pytest.exit('enough')", 2), ("raise KeyboardInterrupt", 2),
     ("pytest.exit('enough', 7)", 7)],
)  # fmt: skip
def test_a_run_that_was_stopped_fails(tmp_path: Path, end: str, status: int) -> None:
    """What failed by then may pass alone; what was left out was never run."""
    done = run(tmp_path, test_it=STOPPED.format(end=end))

    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == f"make test: 1 failed, and it was stopped ({status})"
    assert unsteady(tmp_path) == []


@pytest.mark.parametrize("options", ["-x", "--maxfail=1", "-n 2 -x"])
def test_no_failure_ends_the_run(tmp_path: Path, options: str) -> None:
    """Though the environment asks for that: those behind it are run too."""
    done = run(tmp_path, options, test_it=STOPPED.format(end="pass"))

    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "make test: 1 failed twice"


def test_a_crash_is_heard_once(tmp_path: Path) -> None:
    """A fault of memory need not come back alone, so that it did not is no excuse."""
    done = run(tmp_path, "-n 2", test_crash=CRASHING, test_it="def test_it(): pass")

    assert done.returncode == 1
    assert "crashed while running" in done.stdout.splitlines()[-2]
    assert done.stdout.splitlines()[-1] == "make test: 1 failed, with a crash among them"
