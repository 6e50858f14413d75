"""[mail] of dnsbl.toml: how mail leaves, and where it comes back to."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast

from dnsbl.config.dns import PORT_MAX
from dnsbl.config.domain import parse_hostname, parse_mailbox
from dnsbl.config.toml import ConfigError, Table

MailTransport = Literal["file", "smtp"]
SmtpSecurity = Literal["none", "starttls", "tls"]


# What dnsbl/bounce_address.py puts behind it has to fit into the 64 octets of a local part, and
# into the 254 of a mailbox (RFC 5321 §4.5.3.1).
BOUNCES_LOCAL_OCTETS_MAX: Final = 27
BOUNCES_OCTETS_MAX: Final = 217


@dataclass(frozen=True, slots=True)
class SmtpConfig:
    """The server that takes our mail. The password is read from its file at each connection."""

    host: str
    port: int
    security: SmtpSecurity
    username: str
    password_file: Path | None
    ca_file: Path | None
    timeout_s: int


@dataclass(frozen=True, slots=True)
class MailConfig:
    """How mail leaves. `bounces` is the mailbox for bounces, empty where the sender has them."""

    transport: MailTransport
    sender: str
    bounces: str
    per_minute: int
    smtp: SmtpConfig


def _read_smtp(table: Table) -> SmtpConfig:
    folder = table.file.parent

    def optional_file(key: str, expected: str) -> Path | None:
        value = table.text(key, "", expected)
        return folder / value if value else None

    smtp = SmtpConfig(
        host=table.parsed("host", "127.0.0.1", "a host name or an address", _parse_smtp_host),
        port=table.whole("port", 25, "", 1, PORT_MAX),
        security=cast(
            "SmtpSecurity", table.choice("security", "none", ("none", "starttls", "tls"))
        ),
        username=table.text("username", "", "a user name"),
        password_file=optional_file("password_file", "a file that holds the password"),
        ca_file=optional_file("ca_file", "a file of certificates to trust"),
        timeout_s=table.whole("timeout_s", 30, "seconds", 1, 600),
    )
    if bool(smtp.username) != bool(smtp.password_file):
        raise ConfigError(
            f"{table.file}: mail.smtp.username and mail.smtp.password_file go together"
        )
    if smtp.username and smtp.security == "none" and not _is_loopback(smtp.host):
        raise table.refuse(
            "security", '"starttls" or "tls", since a password would cross the network in clear'
        )
    table.finish()
    return smtp


def _parse_smtp_host(text: str) -> str:
    return str(ipaddress.ip_address(text)) if ":" in text else parse_hostname(text)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_mail(table: Table, sender: str) -> MailConfig:
    """The table [mail]; `sender` is who sends where it says nothing. Raises ConfigError."""
    mail = MailConfig(
        transport=cast("MailTransport", table.choice("transport", "file", ("file", "smtp"))),
        sender=table.parsed("sender", sender, "an e-mail address", parse_mailbox),
        bounces=table.parsed(
            "bounces", "", "an e-mail address that takes bounces, or nothing", _parse_bounces
        ),
        per_minute=table.whole("per_minute", 60, "mails", 1, 100_000),
        smtp=_read_smtp(table.table("smtp")),
    )
    table.finish()
    return mail


def _parse_bounces(text: str) -> str:
    """A mailbox with room for what each mail adds to it. Raises ValueError."""
    if not text:
        return ""
    mailbox = parse_mailbox(text)
    local = mailbox.partition("@")[0]
    if len(local) > BOUNCES_LOCAL_OCTETS_MAX:
        raise ValueError(
            f"what stands before the @ takes more than {BOUNCES_LOCAL_OCTETS_MAX} octets, "
            "which leaves no room for the number of a mail"
        )
    if len(mailbox) > BOUNCES_OCTETS_MAX:
        raise ValueError(f"it takes more than {BOUNCES_OCTETS_MAX} octets")
    return mailbox
