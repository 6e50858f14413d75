"""What the tests of mail share: a mail server on a port of the loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from house import House, free_port
from mailserver import Mailbox

Configure = Callable[..., None]


@pytest.fixture
def configure(house: House) -> Configure:
    """Makes the house send by SMTP to a port, with further keys of [mail.smtp] and [mail]."""

    def write(port: int, smtp: str = "", mail: str = "") -> None:
        house.write_config(
            f'[mail]\ntransport = "smtp"\n{mail}\n'
            f"[mail.smtp]\nport = {port}\ntimeout_s = 1\n{smtp}\n"
        )

    return write


@pytest.fixture
def smtp_port() -> int:
    """Where the mail server listens, once it does."""
    return free_port()


@pytest.fixture
def server(smtp_port: int) -> Iterator[Mailbox]:
    """A mail server that knows neither TLS nor logins."""
    server = Mailbox(smtp_port)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def mailbox(configure: Configure, server: Mailbox, smtp_port: int) -> Mailbox:
    """The mail server that the house sends through."""
    configure(smtp_port)
    return server
