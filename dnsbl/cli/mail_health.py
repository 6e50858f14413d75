"""What `check` finds about mail by SMTP: its server, its files, where bounces and links lead."""

from __future__ import annotations

import socket
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from dnsbl.cli.finding import Finding
from dnsbl.cli.proxy_health import is_loopback
from dnsbl.config import Config, SmtpConfig
from dnsbl.config.mail import SmtpSecurity

SMTP_TIMEOUT_S: Final = 3.0

NO_BOUNCES: Final = (
    "mail.bounces is empty: of a mail that comes back nobody is told, and its request waits until "
    "it expires; docs/bounces.md sets them up"
)

_SECURITY: Final[dict[SmtpSecurity, str]] = {
    "none": "without TLS",
    "starttls": "with STARTTLS",
    "tls": "with TLS",
}


def findings(config: Config) -> Iterator[Finding]:
    """What the transport needs, before a mail is due."""
    smtp = config.mail.smtp
    yield server_finding(smtp)
    if smtp.password_file is not None:
        yield password_finding(smtp.password_file)
    if smtp.ca_file is not None:
        yield certificates_finding(smtp)
    if not config.mail.bounces:
        yield Finding("mail bounces", "warning", NO_BOUNCES)
    if is_loopback(urlsplit(config.portal.public_url).hostname or ""):
        detail = f"portal.public_url is {config.portal.public_url}; the links of mails lead nowhere"
        yield Finding("mail links", "warning", detail)


def server_finding(smtp: SmtpConfig) -> Finding:
    """Whether the mail server takes connections; nothing is said to it."""
    way = f"by SMTP to {smtp.host} port {smtp.port}, {_SECURITY[smtp.security]}"
    try:
        socket.create_connection((smtp.host, smtp.port), SMTP_TIMEOUT_S).close()
    except OSError as error:
        return Finding("mail", "error", f"{way}: cannot be reached: {error.strerror or error}")
    return Finding("mail", "ok", way)


def password_finding(file: Path) -> Finding:
    """Whether the password can be read, by us and by nobody else."""
    subject = "mail password"
    try:
        mode = file.stat().st_mode
        text = file.read_text()
    except OSError as error:
        return Finding(subject, "error", f"{file} cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        return Finding(subject, "error", f"{file} is not text")
    if not text.strip():
        return Finding(subject, "error", f"{file} is empty")
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        return Finding(subject, "warning", f"{file} is open to other users; chmod 600 closes it")
    return Finding(subject, "ok", f"{file} can be read")


def certificates_finding(smtp: SmtpConfig) -> Finding:
    """Whether the file of certificates to trust can be used."""
    try:
        ssl.create_default_context(cafile=smtp.ca_file)
    except OSError as error:  # ssl.SSLError is one
        detail = f"{smtp.ca_file} cannot be used: {error.strerror or error}"
        return Finding("mail certificates", "error", detail)
    return Finding("mail certificates", "ok", f"{smtp.ca_file} can be used")
