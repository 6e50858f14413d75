"""`hooks`: whom the portal asks and tells, what became of its messages, and another try.

The portal alone sends. A trial, or a message that is to go again, is a row of
the database, and the portal finds it there within a second.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final, Literal

import click

from dnsbl.cli import options, report
from dnsbl.cli.hook_entry import (
    DELIVERY_HEADERS,
    HOOK_HEADERS,
    delivery_json,
    delivery_row,
    hook_json,
    hook_row,
)
from dnsbl.cli.hook_name import NoHookError, check_known, configured, name_argument, record
from dnsbl.cli.hook_trial import test
from dnsbl.cli.verb import Verb
from dnsbl.config import HookConfig, load
from dnsbl.store import deliveries
from dnsbl.store import hooks as hook_states
from dnsbl.store.deliveries import DeliveryState

LIST_LIMIT_DEFAULT: Final = 50


@click.group("hooks", short_help="See and try hooks, and send again what they missed.")
def hooks() -> None:
    """Work the hooks of dnsbl.toml: those that decide, and those that are told.

    The portal sends; what these commands queue it finds within a second.
    """


hooks.add_command(test)


@hooks.command(
    "list",
    short_help="Print the hooks and how they fare.",
    cls=Verb,
    examples=("dnsbl hooks list",),
)
@options.config_option
@options.output_option
def list_hooks(config_file: Path, output: report.Output) -> None:
    """Print the hooks, what waits for each, what was given up, and its last answer."""
    config = load(config_file)
    configs = {hook.name: hook for hook in config.hooks}
    with options.reader(config) as database:
        states, depths = hook_states.states(database), deliveries.depths(database)
        left = [
            name for name in sorted(states.keys() - configs.keys())
            if any(depths.get((name, state), 0) for state in ("queued", "dead"))
        ]  # fmt: skip
        standings = [
            hook_json(name, configs.get(name), states.get(name), depths,
                      deliveries.last_attempted(database, name))
            for name in [*configs, *left]
        ]  # fmt: skip
    if output == "json":
        report.print_json(standings)
    else:
        click.echo(report.table(HOOK_HEADERS, [hook_row(one) for one in standings]))


@hooks.command(
    "deliveries",
    short_help="Print what a hook was told, and what it made of it.",
    cls=Verb,
    examples=("dnsbl hooks deliveries crm --state dead",),
)
@name_argument
@click.option("--state", type=click.Choice(["queued", "delivered", "dead"]),
              help="Only those.  [default: all]")  # fmt: skip
@click.option("--limit", type=options.Whole(1, options.ROWS_MAX), default=LIST_LIMIT_DEFAULT,
              metavar="N", help=f"So many at most.  [default: {LIST_LIMIT_DEFAULT}]")  # fmt: skip
@options.config_option
@options.output_option
def list_deliveries(
    name: str,
    state: DeliveryState | None,
    limit: int,
    config_file: Path,
    output: report.Output,
) -> None:
    """Print the messages of a hook that is told what happens, the newest first."""
    config = load(config_file)
    with options.reader(config) as database:
        check_known(config, database, name)
        found = deliveries.browse(database, name, state, limit)
    if output == "json":
        report.print_json([delivery_json(one) for one in found])
        return
    click.echo(report.table(DELIVERY_HEADERS, [delivery_row(one) for one in found]))


@hooks.command(
    "replay",
    short_help="Send messages again.",
    cls=Verb,
    examples=("dnsbl hooks replay crm --dead", "dnsbl hooks replay crm 1207 1208"),
)
@name_argument
@click.argument("ids", metavar="[ID...]", nargs=-1, type=options.Whole(1, options.ID_MAX))
@click.option("--dead", is_flag=True, help="All that were given up.")
@options.wait_option
@options.config_option
@options.output_option
def replay(
    name: str,
    ids: tuple[int, ...],
    dead: bool,  # noqa: FBT001  # click's way
    wait_s: int,
    config_file: Path,
    output: report.Output,
) -> None:
    """Queue messages of a hook anew: all that were given up, or some by their ids.

    Each has all its attempts before it, and the webhook-id that it had. The exit
    code is 1 where there is no such message; the others are sent all the same.
    """
    if dead == bool(ids):
        raise click.UsageError("expected --dead, or the ids that `dnsbl hooks deliveries` prints")
    config = load(config_file)
    now = int(time.time())
    with options.writer(config, wait_s) as database:
        check_known(config, database, name)
        with database.transaction():
            if dead:
                count = deliveries.replay_dead(database, name, now)
            else:
                queued = deliveries.replay(database, name, ids, now)
                count = len(queued)
            if count:
                record(database, "hook.replayed", name, now, f", {count} messages")
    if output == "json":
        report.print_json({"hook": name, "queued": count})
    else:
        report.say(f"{count} {'message' if count == 1 else 'messages'} of {name} queued")
    if not dead and (missing := [str(one) for one in ids if one not in queued]):
        raise NoHookError(f"{name} has no message {', '.join(missing)}")


@hooks.command(
    "enable",
    short_help="Tell or ask a hook again.",
    cls=Verb,
    examples=("dnsbl hooks enable crm",),
)
@name_argument
@options.wait_option
@options.config_option
@options.output_option
def enable(name: str, wait_s: int, config_file: Path, output: report.Output) -> None:
    """Tell a hook what happens again, and at once what has waited for it.

    One that decides is asked again, from the next press on.
    """
    config = load(config_file)
    hook = configured(config, name)
    now = int(time.time())
    with options.writer(config, wait_s) as database, database.transaction():
        changed = hook_states.enable(database, name, now)
        if changed:
            record(database, "hook.enabled", name, now)
    _print_switched(hook, "on", changed=changed, output=output)


@hooks.command(
    "disable",
    short_help="Tell or ask a hook nothing for now.",
    cls=Verb,
    examples=("dnsbl hooks disable crm --why 'moves to another host'",),
)
@name_argument
@click.option("--why", type=options.Prose(hook_states.WHY_CHARS_MAX), metavar="TEXT",
              default="an operator switched it off",
              help="A note that `dnsbl hooks list` shows.")  # fmt: skip
@options.wait_option
@options.config_option
@options.output_option
def disable(name: str, why: str, wait_s: int, config_file: Path, output: report.Output) -> None:
    """Tell a hook nothing until it is enabled; what happens meanwhile waits for it.

    One that decides is not asked, and counts as its on_error says.
    """
    config = load(config_file)
    hook = configured(config, name)
    now = int(time.time())
    with options.writer(config, wait_s) as database, database.transaction():
        changed = hook_states.disable(database, name, why, now)
        if changed:
            record(database, "hook.disabled", name, now, f": {why}")
    _print_switched(hook, "off", changed=changed, output=output)


def _print_switched(
    hook: HookConfig, state: Literal["on", "off"], *, changed: bool, output: report.Output
) -> None:
    if output == "json":
        report.print_json({"hook": hook.name, "state": state, "changed": changed})
        return
    counts = ""
    if hook.on == "decide" and state == "off":
        counts = f"; until it is on, it counts as its on_error says: {hook.on_error}"
        if hook.dry_run:
            counts = "; it is a dry run, and counts for nothing"
    report.say(f"{hook.name} is {state}{'' if changed else ' already'}{counts}")
