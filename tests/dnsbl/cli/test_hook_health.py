"""`check` and hooks: those that cannot work are named, with what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from house import House

from dnsbl.cli.finding import Finding
from dnsbl.cli.hook_health import findings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  # of the standard's examples
WEB = 'url = "https://hooks.example/"\nsecret_files = ["secret"]'

Found = Callable[[str], tuple[str, str]]


@pytest.fixture
def found(house: House) -> Found:
    """State and detail of the finding about a hook with these lines."""

    def found(lines: str) -> tuple[str, str]:
        house.write_config(f'[hooks.mine]\non = "notify"\n{lines}')
        (finding,) = findings(house.config)
        assert finding == Finding("hook mine", finding.state, finding.detail)
        return finding.state, finding.detail.replace(f"{house.folder}/", "")

    return found


def written(folder: Path, name: str, text: str, mode: int = 0o600) -> None:
    """Writes a file of that mode."""
    file = folder / name
    file.write_text(text)
    file.chmod(mode)


def test_without_hooks_there_is_nothing_to_say(house: House) -> None:
    """No line of the table is about what is not there."""
    assert list(findings(house.config)) == []


def test_a_secret_that_can_be_read_is_well(house: House, found: Found) -> None:
    """And it is not shown."""
    written(house.folder, "secret", SECRET)

    assert found(WEB) == ("ok", "by HTTP to https://hooks.example/")


@pytest.mark.parametrize(
    ("text", "mode", "state", "said"),
    [
        (None, 0, "error", "messages cannot be signed: secret: cannot be read: No such file"),
        ("password", 0o600, "error", "messages cannot be signed: secret: does not begin with whs"),
        (SECRET, 0o644, "warning", "secret is open to other users; chmod 600 closes it"),
    ],
)
def test_a_secret_that_is_none_is_told(
    house: House, found: Found, text: str | None, mode: int, state: str, said: str
) -> None:
    """It is away, no secret, or open to others."""
    if text is not None:
        written(house.folder, "secret", text, mode)

    got_state, detail = found(WEB)

    assert got_state == state
    assert detail.startswith(said)


def test_a_program_that_can_be_run_is_well(house: House, found: Found) -> None:
    """A script with its interpreter, or a binary."""
    written(house.folder, "hook", "#!/bin/sh -e\nexit 0\n", 0o700)

    assert found('program = ["hook"]') == ("ok", "runs hook")
    assert found('program = ["/bin/true"]') == ("ok", "runs /bin/true")


@pytest.mark.parametrize(
    ("text", "mode", "state", "said"),
    [
        (None, 0, "error", "hook cannot be run: No such file or directory"),
        ("#!/bin/sh\n", 0o600, "error", "hook cannot be run; chmod +x makes it executable"),
        ("#!/no/such\n", 0o700, "error", "hook cannot be run: its first line names no program"),
        ("#!", 0o700, "error", "hook cannot be run: its first line names no program"),
        ("#!/bin/sh\n", 0o707, "warning", "hook may be changed by other users"),
    ],
)
def test_a_program_that_cannot_be_run_is_told(
    house: House, found: Found, text: str | None, mode: int, state: str, said: str
) -> None:
    """It is away, lacks its bit or its interpreter, or anybody may change it."""
    if text is not None:
        written(house.folder, "hook", text, mode)

    got_state, detail = found('program = ["hook"]')

    assert got_state == state
    assert detail.startswith(said)


def test_a_folder_is_no_program(house: House, found: Found) -> None:
    """As every folder may be entered, its bits say nothing."""
    (house.folder / "hook").mkdir()

    assert found('program = ["hook"]') == ("error", "hook cannot be run: Is a directory")


@pytest.mark.parametrize(
    ("plugin", "state", "said"),
    [
        ("json.decoder:JSONDecoder", "ok", "is json.decoder:JSONDecoder"),
        ("no_such_module:made", "error", "there is no module no_such_module; is it installed"),
        ("no_such.module:made", "error", "no_such.module cannot be found: No module named"),
        ("no-such-entry", "error", "no installed package declares an entry point no-such-entry"),
    ],
)
def test_a_plugin_is_there_or_not(found: Found, plugin: str, state: str, said: str) -> None:
    """Its module is looked for, and not run."""
    got_state, detail = found(f'plugin = "{plugin}"')

    assert got_state == state
    assert detail.startswith(said)
