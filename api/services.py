"""What the pages share, handed to them by the application rather than by globals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from api.form_token import FormTokens
from api.hooks.deciding import Deciding
from api.metrics import Metrics
from api.operator.attempts import Attempts
from api.operator.session import Sessions
from api.pages import Pages
from api.resolver import Resolver
from api.truth import Truth
from dnsbl.config import Config


@dataclass(frozen=True, slots=True)
class Services:
    """The configuration, the truth, a clock (Unix seconds), and what pages are made with.

    Without a ``resolver`` nobody is asked about senders. ``mail_queued`` wakes
    the delivery; ``faults`` says in sentences what keeps the process from being
    ready, apart from the database.
    """

    config: Config
    truth: Truth
    now: Callable[[], float]
    pages: Pages
    form_tokens: FormTokens
    metrics: Metrics
    resolver: Resolver | None
    deciding: Deciding
    sessions: Sessions
    login_attempts: Attempts
    mail_queued: Callable[[], None]
    faults: Callable[[], list[str]]


SERVICES: Final = web.AppKey("services", Services)
