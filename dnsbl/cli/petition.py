"""A delist request as `requests` prints it: a row, a page for people, JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from dnsbl.cli import report
from dnsbl.cli.entry import EXCLUSION_HEADERS, exclusion_json, exclusion_row, listing_json
from dnsbl.delist import sight
from dnsbl.delist.dossier import Dossier
from dnsbl.delist.findings import Finding
from dnsbl.store.audit import Act
from dnsbl.store.delistings import Delisting
from dnsbl.store.history import Event
from dnsbl.store.outbox import Mail
from dnsbl.store.request_items import Item
from dnsbl.store.requests import FORGOTTEN, Request, masked

LIST_HEADERS: Final = ("id", "address", "state", "since", "asked at", "mailbox", "about")


def _mailbox(request: Request, *, unmasked: bool) -> str:
    return request.mailbox if unmasked else masked(request.mailbox)


def _optional(seconds: int | None) -> str:
    """A time that need not be there."""
    return "" if seconds is None else report.moment(seconds)


def row(request: Request, items: Iterable[Item], *, unmasked: bool) -> tuple[str, ...]:
    """The cells under LIST_HEADERS."""
    about = ", ".join(f"{item.zone}/{item.category}: {item.outcome}" for item in items)
    return (
        str(request.id), request.address, str(request.state), report.moment(request.state_at),
        report.moment(request.created_at), _mailbox(request, unmasked=unmasked), about,
    )  # fmt: skip


def request_json(request: Request, items: Iterable[Item], *, unmasked: bool) -> dict[str, object]:
    """The shape that docs/commands.md describes; times in Unix seconds."""
    return {
        "id": request.id,
        "address": request.address,
        "mailbox": _mailbox(request, unmasked=unmasked),
        "language": request.language,
        "state": str(request.state),
        "note": request.note,
        "created_at": request.created_at,
        "state_at": request.state_at,
        "expires_at": request.expires_at,
        "confirmed_at": request.confirmed_at,
        "until": request.until,
        "items": [_item_json(item) for item in items],
    }


def _item_json(item: Item) -> dict[str, object]:
    return {
        "zone": item.zone,
        "category": item.category,
        "network": item.network,
        "outcome": str(item.outcome),
        "rule": item.rule,
        "reason": item.reason,
        "note": item.note,
        "until": item.until,
        "at": item.at,
    }


def as_json(found: Dossier, *, unmasked: bool) -> dict[str, object]:
    """The request, and all that is known besides."""
    return request_json(found.request, found.items, unmasked=unmasked) | {
        "client": found.request.client,
        "suppressed_at": found.suppressed.at if found.suppressed else None,
        "mark": sight.mark(found.matters) if found.is_open else None,
        "listings": [
            listing_json(finding.listing)
            | {"delist": finding.category.delist, "exact": finding.exact, "shown": finding.text}
            for finding in found.findings
        ],
        "exclusions": [exclusion_json(item) for item in found.exclusions],
        "mails": [_mail_json(mail) for mail in found.mails],
        "trail": [_act_json(act) for act in found.trail],
        "delistings": [_delisting_json(item) for item in found.delistings],
        "requests": [request_json(other, (), unmasked=unmasked) for other in found.others],
        "history": [_event_json(event) for event in found.history],
    }


def _mail_json(mail: Mail) -> dict[str, object]:
    return {
        "kind": mail.kind,
        "state": mail.state,
        "attempts": mail.attempts,
        "reply": mail.reply,
        "created_at": mail.created_at,
        "next_attempt_at": mail.next_attempt_at if mail.state == "queued" else None,
        "done_at": mail.done_at,
    }


def _act_json(act: Act) -> dict[str, object]:
    return {
        "at": act.at,
        "actor": act.actor,
        "act": act.act,
        "zone": act.zone,
        "network": act.network,
        "category": act.category,
        "note": act.note,
    }


def _delisting_json(item: Delisting) -> dict[str, object]:
    return {
        "zone": item.zone,
        "network": item.network,
        "category": item.category,
        "at": item.at,
        "request_id": item.request_id,
        "relisted_at": item.relisted_at,
        "lapsed_at": item.lapsed_at,
    }


def _event_json(event: Event) -> dict[str, object]:
    return {
        "at": event.at,
        "source": event.source,
        "what": event.what,
        "zone": event.zone,
        "network": event.network,
        "category": event.category,
        "actor": event.actor,
        "note": event.note,
    }


def as_text(found: Dossier, *, unmasked: bool) -> str:
    """The same for people: a few lines, then a table for whatever there is."""
    request = found.request
    parts = [
        "\n".join(
            f"{name:<15}{report.printable(value)}"
            for name, value in (
                ("request", str(request.id)),
                ("address", request.address),
                ("state", f"{request.state} since {report.moment(request.state_at)}"),
                ("note", request.note),
                ("mailbox", _mailbox(request, unmasked=unmasked)),
                ("no mail since", _suppressed(found)),
                ("asked from", request.client or FORGOTTEN),
                ("language", request.language),
                ("asked at", report.moment(request.created_at)),
                ("confirmed at", _optional(request.confirmed_at)),
                ("waits until", _optional(request.until)),
                ("mark", sight.mark(found.matters) if found.is_open else ""),
            )
            if value
        )
    ]

    def part(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        if rows:
            parts.append(f"{title}\n{report.table(headers, rows)}")

    part(
        "What was decided",
        ("zone", "category", "network", "outcome", "rule", "reason", "note", "until", "at"),
        [
            (
                item.zone, item.category, item.network, str(item.outcome), item.rule, item.reason,
                item.note, _optional(item.until), report.moment(item.at),
            )
            for item in found.items
        ],
    )  # fmt: skip
    part(
        "What lists the address now",
        ("zone", "category", "network", "delist", "reason", "source", "evidence", "listed at",
         "expires at"),
        [_finding_row(finding) for finding in found.findings],
    )  # fmt: skip
    part(
        "Exclusions that cover it",
        EXCLUSION_HEADERS,
        [exclusion_row(item) for item in found.exclusions],
    )
    part(
        "Mails, the newest first",
        ("kind", "state", "attempts", "queued at", "done at", "reply"),
        [
            (
                mail.kind, mail.state, str(mail.attempts), report.moment(mail.created_at),
                _optional(mail.done_at), mail.reply,
            )
            for mail in found.mails
        ],
    )  # fmt: skip
    part(
        "Trail of the request, the newest first",
        ("at", "what", "by", "note"),
        [(report.moment(act.at), act.act, act.actor, act.note) for act in found.trail],
    )
    part(
        "Earlier delistings of the address",
        ("zone", "network", "category", "at", "request", "listed again at", "lapsed at"),
        [
            (
                item.zone, item.network, item.category, report.moment(item.at),
                str(item.request_id or ""), _optional(item.relisted_at),
                _optional(item.lapsed_at),
            )
            for item in found.delistings
        ],
    )  # fmt: skip
    part(
        "Other requests for the address, the newest first",
        LIST_HEADERS,
        [row(other, (), unmasked=unmasked) for other in found.others],
    )
    part(
        "History of the address, the newest first",
        ("at", "what", "zone", "network", "category", "by", "note"),
        [
            (
                report.moment(event.at), event.what, event.zone, event.network, event.category,
                event.actor or event.source, event.note,
            )
            for event in found.history
        ],
    )  # fmt: skip
    return "\n\n".join(parts)


def _suppressed(found: Dossier) -> str:
    """Since when its mails stay here, and what ends that."""
    if found.suppressed is None:
        return ""
    return (
        f"{report.moment(found.suppressed.at)}: the mailbox is suppressed, and its mails stay here "
        "though they count as sent; `dnsbl suppressions remove` ends that"
    )


def _finding_row(finding: Finding) -> tuple[str, ...]:
    listing = finding.listing
    return (
        listing.zone, listing.category, str(listing.network), finding.category.delist,
        listing.reason, listing.source, listing.evidence, report.moment(listing.listed_at),
        report.moment(listing.expires_at),
    )  # fmt: skip
