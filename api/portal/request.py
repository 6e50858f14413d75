"""The form comes back: one mailbox and one address become a request, or are told why not."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from api import limits, mailbox
from api.client_address import client_network
from api.form import read_fields
from api.form_token import Standing
from api.language import Sentence, msgid
from api.limits import Reached
from api.negotiation import Choice, choose
from api.origin import is_from_our_page
from api.portal.delisting import token_hash
from api.portal.lookup import (
    FORM_PURPOSE,
    AddressError,
    Filled,
    form_page,
    look_up,
    parse_ip_field,
)
from api.services import SERVICES, Services
from dnsbl.config import LimitsConfig
from dnsbl.delist.message_id import new_message_id
from dnsbl.delist.removal import removable
from dnsbl.network import Network
from dnsbl.store import outbox, requests
from dnsbl.store.database import Database
from dnsbl.store.request_states import State
from dnsbl.store.requests import NewRequest

KEY_OCTETS = 32  # of a status page's address


async def submit(request: web.Request) -> web.Response:
    """`POST /`: leads to the status page, or shows the form again with what is wrong."""
    services = request.app[SERVICES]
    config = services.config
    if not is_from_our_page(request, config.portal.public_url):
        raise web.HTTPForbidden(text=msgid("The form was sent from a page of another site."))
    fields = await read_fields(request)
    client = client_network(request, config.portal.trusted_proxies)
    filled = Filled(fields.get("ip", ""), fields.get("email", ""))

    standing = services.form_tokens.check(fields.get("form_token", ""), FORM_PURPOSE, str(client))
    if standing is not Standing.VALID:
        message = Sentence(
            "This form was opened too long ago, or from another network. "
            "Nothing was sent; please press Submit once more."
        )
        again = Filled(filled.ip, filled.email, {"form": message})
        status = 409 if standing is Standing.STALE else 403
        return form_page(services, request, again, status=status)

    errors: dict[str, Sentence] = {}
    address: Network | None = None
    sender: mailbox.Mailbox | None = None
    try:
        address = parse_ip_field(filled.ip)
    except AddressError as error:
        errors["ip"] = error.sentence
    try:
        sender = mailbox.parse(filled.email)
    except mailbox.MailboxError as error:
        errors["email"] = error.sentence
    if address is None or sender is None:
        return form_page(services, request, Filled(filled.ip, filled.email, errors), status=422)

    look = await services.truth.read(look_up, config, address, services.now())
    if not look.ways & {"self", "review"}:
        # Nothing lists it, or nothing that a request could change: the page says which.
        status = 403 if look.findings else 200
        return form_page(services, request, Filled(address.text, filled.email), look, status=status)
    network = removable(address, [finding for finding, _ in look.findings])
    return await _request(services, choose(request, config), address, network, sender, client)


async def _request(
    services: Services,
    choice: Choice,
    address: Network,
    network: Network,
    sender: mailbox.Mailbox,
    client: Network,
) -> web.Response:
    now = int(services.now())
    key = secrets.token_urlsafe(KEY_OCTETS)
    new = NewRequest(
        status_hash=token_hash(key),
        address=address.address_text,
        mailbox=sender.text,
        mailbox_key=sender.key,
        mailbox_domain=sender.domain,
        client=str(client),
        language=choice.language.tag,
        created_at=now,
        expires_at=now + services.config.portal.confirm_within_s,
        subject=str(network),
    )
    message_id = new_message_id(services.config)
    outcome = await services.truth.write(accept, services.config.portal.limits, new, message_id)
    if isinstance(outcome, Reached):
        structlog.get_logger().info("request_limited", rule=outcome.rule, address=new.address)
        return services.pages.page(
            "limited.html",
            {
                "limit": outcome,
                "address": address.text,
                "network": "" if network.is_address else network.text,
                "domain": sender.domain,
            },
            language=choice,
            status=429,
            headers={"Retry-After": str(max(1, outcome.again_at - now))},
        )
    structlog.get_logger().info("request_accepted", request_id=outcome, address=new.address)
    services.mail_queued()
    root = urlsplit(services.config.portal.public_url).path
    return web.Response(status=303, headers={"Location": f"{root}/status/{key}"})


def accept(
    database: Database, limits_config: LimitsConfig, new: NewRequest, message_id: str
) -> int | Reached:
    """The request's id, its mail queued, or the limit that it would exceed: in one transaction."""
    if (limit := limits.reached(database, limits_config, new)) is not None:
        return limit
    request_id = requests.create(database, new)
    requests.move(database, request_id, State.MAIL_QUEUED, actor="portal", now=new.created_at)
    outbox.queue(database, request_id, message_id, new.created_at)
    return request_id
