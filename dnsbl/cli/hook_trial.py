"""`hooks test`: a message to one hook, to see what it makes of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import click

from dnsbl.cli import options, report
from dnsbl.cli.duration import Duration
from dnsbl.cli.hook_entry import delivery_json
from dnsbl.cli.hook_name import NoHookError, configured, name_argument, record
from dnsbl.cli.verb import Verb
from dnsbl.config import Config, HookConfig, load
from dnsbl.config.hooks import EVENT_KINDS, TEST_EVENT
from dnsbl.errors import DnsblError
from dnsbl.store import deliveries
from dnsbl.store import hooks as hook_states
from dnsbl.store.database import Database
from dnsbl.store.deliveries import Delivery

ANSWER_WITHIN_S_DEFAULT: Final = 20
_LOOK_EACH_S: Final = 0.1

DECIDE_EVENT: Final = "delist.decide"  # what a hook that decides is sent

# Documentation addresses and names: RFC 5737, RFC 2606.
_TRIAL_ADDRESS: Final = "192.0.2.1/32"
_TRIAL_NAME: Final = "example.com"


class HookStateError(DnsblError):
    """A hook in a state in which that cannot be done."""


class TrialError(DnsblError):
    """A trial that the hook did not take, or that was not sent."""


@click.command(
    "test",
    short_help="Send a hook a message, and print what it makes of it.",
    cls=Verb,
    examples=("dnsbl hooks test crm", "dnsbl hooks test crm --event listing.added"),
)
@name_argument
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
    hook = configured(config, name)
    if hook.on == "decide" and kind is not None:
        raise click.UsageError(f"{name} decides; --event goes with hooks that are told")
    now = int(time.time())
    with options.writer(config, wait_s) as database:
        _refuse_disabled(database, name)
        with database.transaction():
            delivery_id = _queue_test(database, config, hook, kind, now)
            record(database, "hook.tested", name, now)
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
