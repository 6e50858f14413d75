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
from dnsbl.cli.duration import Duration
from dnsbl.cli.hook_entry import (
    DELIVERY_HEADERS,
    HOOK_HEADERS,
    delivery_json,
    delivery_row,
    hook_json,
    hook_row,
)
from dnsbl.cli.verb import Verb
from dnsbl.config import Config, HookConfig, load
from dnsbl.config.hooks import EVENT_KINDS, TEST_EVENT
from dnsbl.errors import DnsblError
from dnsbl.store import audit, deliveries
from dnsbl.store import hooks as hook_states
from dnsbl.store.audit import Act
from dnsbl.store.database import Database
from dnsbl.store.deliveries import Delivery, DeliveryState

LIST_LIMIT_DEFAULT: Final = 50
ANSWER_WITHIN_S_DEFAULT: Final = 20
_LOOK_EACH_S: Final = 0.1

DECIDE_EVENT: Final = "delist.decide"  # what a hook that decides is sent

# Documentation addresses and names: RFC 5737, RFC 2606.
_TRIAL_ADDRESS: Final = "192.0.2.1/32"
_TRIAL_NAME: Final = "example.com"


class NoHookError(DnsblError):
    """A hook, or a delivery of one, that is not there."""


class HookStateError(DnsblError):
    """A hook in a state in which that cannot be done."""


class TrialError(DnsblError):
    """A trial that the hook did not take, or that was not sent."""


@click.group("hooks", short_help="See and try hooks, and send again what they missed.")
def hooks() -> None:
    """Work the hooks of dnsbl.toml: those that decide, and those that are told.

    The portal sends; what these commands queue it finds within a second.
    """


def _name_argument(function: options.F) -> options.F:
    return click.argument("name", metavar="NAME")(function)


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
    "test",
    short_help="Send a hook a message, and print what it makes of it.",
    cls=Verb,
    examples=("dnsbl hooks test crm", "dnsbl hooks test crm --event listing.added"),
)
@_name_argument
@click.option("--event", "kind", type=click.Choice([TEST_EVENT, *EVENT_KINDS]),
              metavar="EVENT",
              help=f"What the message looks like.  [default: {TEST_EVENT}]")  # fmt: skip
@click.option(
    "--within", "within_s", type=Duration(), default=ANSWER_WITHIN_S_DEFAULT, metavar="DURATION",
    help=f"How long to wait for the answer.  [default: {ANSWER_WITHIN_S_DEFAULT}s]",
)  # fmt: skip
@options.wait_option
@options.config_option
@options.output_option
def test(
    name: str,
    kind: str | None,
    within_s: int,
    wait_s: int,
    config_file: Path,
    output: report.Output,
) -> None:
    """Send a hook a message about an address of the documentation, and print its answer.

    The portal sends it, once, so it has to run. The message says that it is a
    test; one to a hook that decides asks about a case that is none.
    """
    config = load(config_file)
    hook = _configured(config, name)
    if hook.on == "decide" and kind is not None:
        raise click.UsageError(f"{name} decides; --event goes with hooks that are told")
    now = int(time.time())
    with options.writer(config, wait_s) as database:
        _refuse_disabled(database, name)
        with database.transaction():
            delivery_id = _queue_test(database, config, hook, kind, now)
            _record(database, "hook.tested", name, now)
        outcome = _await_outcome(database, delivery_id, within_s)
    if output == "json":
        report.print_json(delivery_json(outcome))
    elif outcome.state == "delivered":
        report.say(f"{name} took it{': ' if outcome.answer else ''}{outcome.answer}")
    if outcome.state == "queued":
        raise TrialError(
            f"the message was not sent within {within_s} s; does the portal run? "
            f"`dnsbl hooks deliveries {name}` tells what becomes of it"
        )
    if outcome.state == "dead":
        raise TrialError(f"{name} did not take it: {outcome.answer}")


def _refuse_disabled(database: Database, name: str) -> None:
    state = hook_states.states(database).get(name)
    if state is not None and state.disabled_at is not None:
        raise HookStateError(
            f"{name} is off since {report.moment(state.disabled_at)} ({state.disabled_why}); "
            f"`dnsbl hooks enable {name}` comes first"
        )


def _queue_test(
    database: Database, config: Config, hook: HookConfig, kind: str | None, now: int
) -> int:
    """About a listing where the hook is for some."""
    origin = next(iter(hook.zones), config.zones[0].origin)
    zone = config.zone(origin)
    assert zone is not None  # the configuration was checked
    names = [category.name for category in zone.categories]
    category = next(iter(hook.categories), names[0] if names else "")
    subject = _TRIAL_NAME if zone.lists == "names" else _TRIAL_ADDRESS
    kind = DECIDE_EVENT if hook.on == "decide" else kind or TEST_EVENT
    return deliveries.queue_test(
        database, hook.name, kind, subject=subject, zone=origin, category=category, now=now
    )


def _await_outcome(database: Database, delivery_id: int, within_s: int) -> Delivery:
    """The delivery once it was tried, or as it is when the time is over."""
    until = time.monotonic() + within_s
    while True:
        delivery = deliveries.get(database, delivery_id)
        if delivery is None:
            raise NoHookError("the message is gone: another database stands in this one's place")
        if delivery.state != "queued" or time.monotonic() >= until:
            return delivery
        time.sleep(_LOOK_EACH_S)


@hooks.command(
    "deliveries",
    short_help="Print what a hook was told, and what it made of it.",
    cls=Verb,
    examples=("dnsbl hooks deliveries crm --state dead",),
)
@_name_argument
@click.option("--state", type=click.Choice(["queued", "delivered", "dead"]),
              help="Only those.  [default: all]")  # fmt: skip
@click.option("--limit", type=click.IntRange(1), default=LIST_LIMIT_DEFAULT, metavar="N",
              help=f"So many at most.  [default: {LIST_LIMIT_DEFAULT}]")  # fmt: skip
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
        _known(config, database, name)
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
@_name_argument
@click.argument("ids", metavar="[ID...]", nargs=-1, type=click.IntRange(1))
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
        _known(config, database, name)
        with database.transaction():
            if dead:
                count = deliveries.replay_dead(database, name, now)
            else:
                queued = deliveries.replay(database, name, ids, now)
                count = len(queued)
            if count:
                _record(database, "hook.replayed", name, now, f", {count} messages")
    if output == "json":
        report.print_json({"hook": name, "queued": count})
    else:
        report.say(f"{count} {'message' if count == 1 else 'messages'} of {name} queued")
    if not dead and (missing := [str(one) for one in ids if one not in queued]):
        raise NoHookError(f"{name} has no message {', '.join(missing)}")


@hooks.command(
    "enable",
    short_help="Tell a hook what happens again.",
    cls=Verb,
    examples=("dnsbl hooks enable crm",),
)
@_name_argument
@options.wait_option
@options.config_option
@options.output_option
def enable(name: str, wait_s: int, config_file: Path, output: report.Output) -> None:
    """Tell a hook what happens again, and at once what has waited for it."""
    config = load(config_file)
    _told(config, name)
    now = int(time.time())
    with options.writer(config, wait_s) as database, database.transaction():
        changed = hook_states.enable(database, name, now)
        if changed:
            _record(database, "hook.enabled", name, now)
    _print_switched(name, "on", changed=changed, output=output)


@hooks.command(
    "disable",
    short_help="Tell a hook nothing for now.",
    cls=Verb,
    examples=("dnsbl hooks disable crm --why 'moves to another host'",),
)
@_name_argument
@click.option("--why", type=options.Prose(hook_states.WHY_CHARS_MAX), metavar="TEXT",
              default="an operator switched it off",
              help="A note that `dnsbl hooks list` shows.")  # fmt: skip
@options.wait_option
@options.config_option
@options.output_option
def disable(name: str, why: str, wait_s: int, config_file: Path, output: report.Output) -> None:
    """Tell a hook nothing until it is enabled; what happens meanwhile waits for it."""
    config = load(config_file)
    _told(config, name)
    now = int(time.time())
    with options.writer(config, wait_s) as database, database.transaction():
        changed = hook_states.disable(database, name, why, now)
        if changed:
            _record(database, "hook.disabled", name, now, f": {why}")
    _print_switched(name, "off", changed=changed, output=output)


def _print_switched(
    name: str, state: Literal["on", "off"], *, changed: bool, output: report.Output
) -> None:
    if output == "json":
        report.print_json({"hook": name, "state": state, "changed": changed})
    else:
        report.say(f"{name} is {state}{'' if changed else ' already'}")


def _record(database: Database, act: str, name: str, now: int, note: str = "") -> None:
    audit.record(database, [Act(now, options.actor(), act, note=f"{name}{note}")])


def _configured(config: Config, name: str) -> HookConfig:
    """The hook of that name. Raises NoHookError."""
    found = next((hook for hook in config.hooks if hook.name == name), None)
    if found is None:
        raise NoHookError(_none(config, name))
    return found


def _told(config: Config, name: str) -> None:
    """Refuses what is for hooks that are told alone."""
    if _configured(config, name).on == "decide":
        raise HookStateError(
            f"{name} decides, and is asked at each delisting; in {config.file.name}, "
            "`dry_run = true` makes its decisions count for nothing"
        )


def _known(config: Config, database: Database, name: str) -> None:
    """Refuses the name of a hook that never was."""
    if name not in {hook.name for hook in config.hooks} | hook_states.states(database).keys():
        raise NoHookError(_none(config, name))


def _none(config: Config, name: str) -> str:
    names = ", ".join(hook.name for hook in config.hooks) or "none at all"
    return f"there is no hook {name} in {config.file.name}; there is {names}"
