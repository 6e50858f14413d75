"""A listing and an exclusion as `show` and `list` print them: a row for people, JSON."""

from __future__ import annotations

from typing import Final

from dnsbl.cli.report import moment
from dnsbl.store.exclusions import Exclusion
from dnsbl.store.listings import Listing

LISTING_HEADERS: Final = (
    "zone", "network", "category", "reason", "source", "listed at", "expires at",
)  # fmt: skip
EXCLUSION_HEADERS: Final = (
    "zone", "network", "category", "reason", "by", "excluded at", "expires at",
)  # fmt: skip


def listing_row(listing: Listing) -> tuple[str, ...]:
    """The cells under LISTING_HEADERS; evidence and text are too long for a row."""
    return (
        listing.zone, str(listing.network), listing.category, listing.reason, listing.source,
        moment(listing.listed_at), moment(listing.expires_at),
    )  # fmt: skip


def listing_json(listing: Listing) -> dict[str, object]:
    """As in the database; times in Unix seconds, `expires_at` null for never.

    `text` is empty for the category's.
    """
    return {
        "zone": listing.zone,
        "network": str(listing.network),
        "category": listing.category,
        "reason": listing.reason,
        "source": listing.source,
        "evidence": listing.evidence,
        "listed_at": listing.listed_at,
        "expires_at": listing.expires_at,
        "text": listing.text,
    }


def exclusion_row(exclusion: Exclusion) -> tuple[str, ...]:
    """The cells under EXCLUSION_HEADERS."""
    return (
        exclusion.zone, str(exclusion.network), exclusion.category or "all", exclusion.reason,
        "delisting" if exclusion.grace else "operator", moment(exclusion.excluded_at),
        moment(exclusion.expires_at),
    )  # fmt: skip


def exclusion_json(exclusion: Exclusion) -> dict[str, object]:
    """As in the database; `category` is null for all of them, `grace` true after a delisting."""
    return {
        "zone": exclusion.zone,
        "network": str(exclusion.network),
        "category": exclusion.category or None,
        "reason": exclusion.reason,
        "grace": exclusion.grace,
        "excluded_at": exclusion.excluded_at,
        "expires_at": exclusion.expires_at,
    }
