"""A hook and a message of one as `hooks` prints them: a row for people, JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from dnsbl.cli import report
from dnsbl.config import HookConfig, HttpTarget, PluginTarget, ProgramTarget
from dnsbl.store.deliveries import Delivery, DeliveryState
from dnsbl.store.hooks import TEST_EVENT, HookState

HOOK_HEADERS: Final = ("hook", "is asked to", "by", "state", "queued", "dead", "last answer")
DELIVERY_HEADERS: Final = (
    "id", "event", "subject", "state", "attempts", "queued at", "next attempt at", "answer",
)  # fmt: skip

Standing = Literal["on", "dry_run", "off", "unconfigured"]


def hook_json(
    name: str,
    config: HookConfig | None,
    state: HookState | None,
    depths: Mapping[tuple[str, DeliveryState], int],
    last: Delivery | None,
) -> dict[str, object]:
    """The shape that docs/commands.md describes."""
    standing: Standing = "on"
    if config is None:
        standing = "unconfigured"
    elif state is not None and state.disabled_at is not None:
        standing = "off"
    elif config.dry_run:
        standing = "dry_run"
    counts = config is not None and config.on == "decide" and not config.dry_run
    return {
        "name": name,
        "on": config.on if config else None,
        "target": _target(config) if config else None,
        "state": standing,
        "disabled_at": state.disabled_at if state else None,
        "disabled_why": state.disabled_why if state else "",
        "on_error": config.on_error if config and counts else None,
        "queued": depths.get((name, "queued"), 0),
        "dead": depths.get((name, "dead"), 0),
        "last_answer": last.answer if last else None,
        "last_delivery": last.id if last else None,
    }


def _target(config: HookConfig) -> str:
    match config.target:
        case HttpTarget(url):
            return url
        case ProgramTarget(program, arguments):
            return " ".join([str(program), *arguments])
        case PluginTarget(plugin):
            return plugin


def hook_row(one: dict[str, object]) -> tuple[str, ...]:
    """The cells under HOOK_HEADERS."""
    state = str(one["state"]).replace("_", " ")
    at = one["disabled_at"]
    if one["state"] == "off" and isinstance(at, int):
        counts = f", counts as {one['on_error']}" if one["on_error"] else ""
        state = f"off since {report.moment(at)}{counts}: {one['disabled_why']}"
    return (
        str(one["name"]), str(one["on"] or ""), str(one["target"] or ""), state,
        str(one["queued"]), str(one["dead"]), str(one["last_answer"] or ""),
    )  # fmt: skip


def delivery_row(one: Delivery) -> tuple[str, ...]:
    """The cells under DELIVERY_HEADERS."""
    return (
        str(one.id), one.event.kind if one.event.kind != TEST_EVENT else "test",
        one.event.subject, one.state, str(one.attempts), report.moment(one.created_at),
        report.moment(one.next_attempt_at) if one.state == "queued" else "", one.answer,
    )  # fmt: skip


def delivery_json(delivery: Delivery) -> dict[str, object]:
    """The shape that docs/commands.md describes."""
    event = delivery.event
    return {
        "id": delivery.id,
        "hook": delivery.hook,
        "event": {
            "id": event.id,
            "webhook_id": event.uid,
            "type": event.kind,
            "at": event.at,
            "subject": event.subject,
            "network": event.network or None,
            "zone": event.zone or None,
            "category": event.category or None,
            "request_id": event.request_id,
        },
        "state": delivery.state,
        "attempts": delivery.attempts,
        "created_at": delivery.created_at,
        "next_attempt_at": delivery.next_attempt_at if delivery.state == "queued" else None,
        "done_at": delivery.done_at,
        "answer": delivery.answer,
    }
