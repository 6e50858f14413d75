"""What a mail is made of: read, with the token that it is to carry, in one transaction."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api.mail.compose import compose
from api.mail.decision import compose_decision
from api.mail.schedule import NEWS_WITHIN_S
from api.pages import Pages
from api.portal.delisting import token_hash
from dnsbl.bounce_address import SECRET_NAME, bounce_address
from dnsbl.config import Config
from dnsbl.delist.findings import Finding, find
from dnsbl.network import parse_address
from dnsbl.store import delist_tokens, keys, request_items
from dnsbl.store.database import Database
from dnsbl.store.outbox import Mail
from dnsbl.store.request_items import Item
from dnsbl.store.requests import Request

TOKEN_OCTETS: Final = 32


@dataclass(frozen=True, slots=True)
class Draft:
    """A mail before it is text.

    ``sender`` is who its envelope names, where bounces go; ``until``, in Unix
    seconds, when it is of no use any more. ``items`` is what the request came
    to so far. ``token`` is for the link of a mail that asks to confirm.
    """

    mail: Mail
    request: Request
    findings: Sequence[Finding]
    items: Sequence[Item]
    sender: str
    until: int
    token: str


def draft(database: Database, config: Config, mail: Mail, request: Request, now: int) -> Draft:
    """All that the mail is made of. Its token's hash is kept: committed before it can arrive."""
    asks = mail.kind == "confirm_mail"
    token = secrets.token_urlsafe(TOKEN_OCTETS)
    if asks:
        delist_tokens.add(database, token_hash(token), request.id, request.expires_at)
    return Draft(
        mail=mail,
        request=request,
        findings=find(database, config, parse_address(request.address), now),
        items=request_items.of_request(database, request.id),
        sender=envelope_sender(database, config, mail),
        until=until(mail, request),
        token=token if asks else "",
    )


def until(mail: Mail, request: Request) -> int:
    """When a mail is of no use any more, in Unix seconds: its link is void, its news old."""
    return request.expires_at if mail.kind == "confirm_mail" else mail.created_at + NEWS_WITHIN_S


def message_of(draft: Draft, config: Config, pages: Pages, now: int) -> bytes:
    """The whole message, CRLF-delimited, by its kind."""
    match draft.mail.kind:
        case "confirm_mail":
            return compose(
                config, pages, draft.mail, draft.request, draft.findings, draft.token, now
            )
        case "decision_mail":
            return compose_decision(config, pages, draft.mail, draft.request, draft.items, now)


def envelope_sender(database: Database, config: Config, mail: Mail) -> str:
    """The envelope's sender: the mail's own bounce address, where bounces are read."""
    if not config.mail.bounces:
        return config.mail.sender
    secret = keys.get_or_create(database, SECRET_NAME)
    return bounce_address(config.mail.bounces, secret, mail.id)
