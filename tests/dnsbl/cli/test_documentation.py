"""docs/commands.md and the commands say the same."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from dnsbl.cli import commands
from dnsbl.cli.group import GROUPS

CONTEXT = click.Context(commands)


def verbs(group: click.Group, before: str = "") -> dict[str, click.Command]:
    """The commands by their words, `add` or `key add`."""
    found: dict[str, click.Command] = {}
    for name in group.list_commands(CONTEXT):
        command = group.get_command(CONTEXT, name)
        if isinstance(command, click.Group):
            found |= verbs(command, f"{before}{name} ")
        elif command is not None:
            found[f"{before}{name}"] = command
    return found


VERBS = verbs(commands)
TEXT = (Path(__file__).parents[3] / "docs" / "commands.md").read_text()
SHARED = TEXT.partition("\n## What all commands share\n")[2].partition("\n## ")[0]


def told_of(title: str) -> list[str]:
    """The commands that a chapter of that title is about."""
    first, *words = [*re.findall(r"[a-z]+", title), ""]
    if first != "dnsbl":
        return []
    group = words[0] if any(name.startswith(f"{words[0]} ") for name in VERBS) else None
    return [f"{group} {word}" for word in words[1:]] if group else words


def chapter(name: str) -> str:
    """What the page says of a command, with what it says of all."""
    for text in re.split(r"^## ", TEXT, flags=re.MULTILINE):
        title, _, body = text.partition("\n")
        if name in told_of(title):
            return body
    raise AssertionError(f"docs/commands.md has no chapter on {name}")


def test_no_verb_is_missing() -> None:
    """Each name that the help shows is a command."""
    assert list(dict.fromkeys(name.partition(" ")[0] for name in VERBS)) == (
        commands.list_commands(CONTEXT)
    )


def test_a_configuration_given_before_the_command_reaches_each() -> None:
    """The commands of a group as well."""
    expected = [f"{group} {verb}" for group, verbs in GROUPS.items() for verb in verbs]
    assert sorted(name for name in VERBS if " " in name) == sorted(expected)


@pytest.mark.parametrize("name", VERBS)
def test_every_command_and_option_is_documented(name: str) -> None:
    """Under its own command, or among the options that all share."""
    options = {
        option
        for parameter in VERBS[name].params
        if isinstance(parameter, click.Option)
        for option in (*parameter.opts, *parameter.secondary_opts)
    }

    known = chapter(name) + SHARED
    assert options
    assert {option for option in options if not re.search(rf"`{option}\b", known)} == set()


@pytest.mark.parametrize("name", VERBS)
def test_no_option_is_documented_that_does_not_exist(name: str) -> None:
    """What the tables of a chapter offer, one of its commands takes."""
    offered = set(re.findall(r"(?<=`)--[a-z-]+", "\n".join(
        line.split("|")[1] for line in chapter(name).splitlines() if line.startswith("|")
    )))  # fmt: skip
    heading = next(
        title for title in re.findall(r"^## (dnsbl .*)$", TEXT, re.MULTILINE)
        if name in told_of(title)
    )  # fmt: skip
    siblings = [VERBS[word] for word in told_of(heading) if word in VERBS]

    taken = {option for command in siblings for each in command.params for option in each.opts}
    assert offered <= taken


def test_examples_of_the_help_are_commands_that_exist() -> None:
    """Each example calls a command with options that it takes."""
    for command in VERBS.values():
        for example in getattr(command, "examples", ()):
            [words] = re.findall(rf"dnsbl ((?:(?:{'|'.join(GROUPS)}) )?\w+)(.*)", example)
            verb = VERBS[words[0]]
            taken = {option for each in verb.params for option in each.opts}
            assert set(re.findall(r"(?<= )--?[a-z]+", words[1])) <= taken
