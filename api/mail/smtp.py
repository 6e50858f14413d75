"""The SMTP transport: one dialogue a mail, through aiosmtplib, and what its replies mean."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiosmtplib

from api.mail.carrier import Accepted, Deferred, Envelope, Outcome, Refused
from api.mail.trouble import Trouble
from dnsbl.config import SmtpConfig
from dnsbl.store.outbox import Mail

# timeout_s holds for each step; a whole dialogue of slow steps ends after so many of them.
DIALOGUE_STEPS_MAX: Final = 4

_PERMANENT: Final = range(500, 600)  # RFC 5321 §4.2.1
# RFC 4954 §6: authentication is required, too weak, or failed. Nothing that the recipient did.
_AUTHENTICATION: Final = frozenset({454, 530, 534, 535, 538})


class SmtpCarrier:
    """Hands mails to the configured server; `public_url` gives the name to greet it with."""

    def __init__(self, smtp: SmtpConfig, public_url: str) -> None:
        self._smtp = smtp
        self._greeting = _greeting_name(public_url)

    async def carry(self, envelope: Envelope) -> Outcome:
        """One dialogue, from connection to QUIT."""

        async def hand_over(client: aiosmtplib.SMTP) -> str:
            _, reply = await client.sendmail(
                envelope.sender, [envelope.recipient], envelope.message
            )
            return f"250 {reply}"

        return await self._converse(hand_over)

    async def try_out(self, mail: Mail, sender: str) -> Outcome:
        """A dialogue that ends after the sender was named."""

        async def name_sender(client: aiosmtplib.SMTP) -> str:
            await client.mail(sender)
            return self.unsent_reply(mail)

        return await self._converse(name_sender)

    async def _converse(self, say: Callable[[aiosmtplib.SMTP], Awaitable[str]]) -> Outcome:
        """Connects, logs in, says something, whose reply it is, and says goodbye."""
        try:
            password = await asyncio.to_thread(_password, self._smtp.password_file)
        except (OSError, ValueError) as error:
            return Deferred(
                Trouble.LOGIN,
                operator_fault=True,
                detail=f"the password file cannot be read: {error}",
            )
        client = aiosmtplib.SMTP(
            hostname=self._smtp.host,
            port=self._smtp.port,
            username=self._smtp.username or None,
            password=password,
            local_hostname=self._greeting,
            timeout=self._smtp.timeout_s,
            use_tls=self._smtp.security == "tls",
            start_tls=self._smtp.security == "starttls",
            cert_bundle=str(self._smtp.ca_file) if self._smtp.ca_file else None,
        )
        try:
            async with asyncio.timeout(DIALOGUE_STEPS_MAX * self._smtp.timeout_s):
                await client.connect()
                reply = await say(client)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            return _outcome(error)
        else:
            # RFC 5321 §4.1.1.10: the mail is theirs since the reply to its end, whatever QUIT does
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await client.quit()
            return Accepted(reply)
        finally:
            client.close()

    def unsent_reply(self, mail: Mail) -> str:  # noqa: ARG002  # the same for every mail
        """As a server would have replied."""
        return "250 suppressed, not sent"


def _outcome(error: Exception) -> Outcome:
    """What an error says of the mail: try again, or never. The recipient's refusal is final."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        error = error.recipients[0]  # a mail has one
    if not isinstance(error, aiosmtplib.SMTPResponseException):
        detail = str(error) or type(error).__name__
        return Deferred(_trouble(error), _needs_operator(error), detail)
    reply = f"{error.code} {error.message}".strip()
    if error.code in _AUTHENTICATION or not isinstance(
        error, aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError
    ):
        # The greeting, our name, our login or our sender: no matter of this recipient
        return Deferred(reply, operator_fault=error.code in _PERMANENT or error.code == 454)  # noqa: PLR2004
    return Refused(reply) if error.code in _PERMANENT else Deferred(reply)


def _trouble(error: Exception) -> Trouble:
    """What went wrong before the server said anything, for who waits for the mail."""
    if _is_tls(error):
        return Trouble.TLS
    if isinstance(error, TimeoutError):
        return Trouble.SLOW
    if isinstance(error, aiosmtplib.SMTPServerDisconnected):
        return Trouble.CLOSED
    if isinstance(error, OSError):
        return Trouble.UNREACHABLE
    return Trouble.OFFER


def _needs_operator(error: Exception) -> bool:
    """Whether it is no mere trouble of the network: TLS or AUTH not to be had, a bad value."""
    return _is_tls(error) or not isinstance(error, OSError)


def _is_tls(error: BaseException | None) -> bool:
    """Whether the cause is TLS: a certificate that nobody vouches for, a CA file that is away."""
    while error is not None:
        if isinstance(error, ssl.SSLError | FileNotFoundError | PermissionError):
            return True
        error = error.__cause__
    return False


def _password(file: Path | None) -> str | None:
    """Read at each connection, so that a new one counts at once."""
    return file.read_text().rstrip("\r\n") if file else None


def _greeting_name(public_url: str) -> str:
    """The portal's host name, or its address as a literal (RFC 5321 §4.1.3)."""
    host = urlsplit(public_url).hostname or "localhost"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return f"[IPv6:{address}]" if isinstance(address, ipaddress.IPv6Address) else f"[{address}]"
