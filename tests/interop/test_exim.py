"""Exim refuses mail from a listed client until its owner has delisted the address."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from documented import snippet
from internet import (
    IN_RANGE,
    KNOWN,
    LISTED,
    LISTED_DOMAIN,
    LISTED_IPV6,
    MAIL_SERVER,
    MAIL_SERVER_IPV6,
    PORTAL,
    UNLISTED,
    Internet,
)
from keyed import Keyed
from sender import send, until_taken

CONFIG = """\
primary_hostname = mx.example
local_interfaces = <; {interfaces}
exim_path = {program}
spool_directory = /run/exim4
log_file_path = /run/exim4/log_%slog
queue_only
keep_environment =
acl_smtp_rcpt = acl_check_rcpt

begin acl
acl_check_rcpt:
{rules}
  accept
"""
FILE = "/etc/exim4/exim4.conf"
RULES = "/etc/exim4/conf.d/acl/30_exim4-config_check_rcpt"
USER = "Debian-exim"  # compiled in


@pytest.fixture(scope="module")
def exim(site: Callable[[], Internet], tool: Callable[[str], str]) -> Internet:
    """Exim, with the rule of docs/mail-servers.md for RCPT."""
    made = site()
    start(made, tool("exim4"), snippet("Exim", RULES))
    return made


def start(made: Internet, program: str, rules: str) -> None:
    """Starts Exim with those rules for RCPT."""
    at = made.namespace
    at.run("sh", "-c", f"id {USER} || useradd --system --home-dir /run/exim4 {USER}")
    at.run("install", "-d", "-o", USER, "/run/exim4")
    at.write(
        FILE,
        CONFIG.format(
            interfaces=f"{MAIL_SERVER} ; {MAIL_SERVER_IPV6}",
            program=program,
            rules=rules,
        ),
    )
    made.start(program, "-C", FILE, "-bdf")
    made.until_listening(25)


@pytest.mark.parametrize("client", [LISTED, LISTED_IPV6])
def test_dnslists_quotes_the_text_until_the_client_is_delisted(exim: Internet, client: str) -> None:
    """The refusal, and so the bounce, says why and where to ask; after a delisting mail passes."""
    reply = send(exim, client)
    assert reply.code == 550
    assert f"{client} is listed in bl.example: Banned sending IP" in reply.text
    assert f"{PORTAL}/?ip={client}" in reply.text

    exim.delist(client)
    until_taken(exim, client)


def test_dnslists_lets_others_pass(exim: Internet) -> None:
    """A client that is not listed is none of the list's business."""
    assert send(exim, UNLISTED).code == 250


def test_dnslists_lets_a_listed_client_pass_that_an_allow_list_knows(exim: Internet) -> None:
    """The allow-list is asked first."""
    assert send(exim, KNOWN).code == 250


def test_dnslists_refuses_a_listed_domain(exim: Internet) -> None:
    """A list of domains is asked for the sender's; a bounce has no sender, and passes."""
    domain = f"mail.{LISTED_DOMAIN}"

    reply = send(exim, UNLISTED, f"someone@{domain}")
    assert reply.code == 550
    assert f"{domain} is listed in dbl.example: {domain} sends spam" in reply.text
    assert send(exim, UNLISTED, "").code == 250


def test_dnslists_stops_no_mail_where_the_list_is_gone(exim: Internet) -> None:
    """What cannot be looked up is taken as not listed, and mail is not put off either."""
    assert send(exim, IN_RANGE).code == 550
    exim.cut_off()  # so this test is the module's last

    until_taken(exim, IN_RANGE)


def test_a_key_stays_where_it_is(keyed: Keyed, tool: Callable[[str], str]) -> None:
    """The refusal names the list, its text and the portal; the log has no key either."""
    start(keyed.internet, tool("exim4"), keyed.lines("Exim with a key", RULES))

    reply = send(keyed.internet, LISTED)

    assert reply.code == 550
    assert f"{LISTED} is listed in bl.example: Banned sending IP" in reply.text
    assert f"{PORTAL}/?ip={LISTED}" in reply.text
    assert keyed.key not in reply.text
    assert send(keyed.internet, UNLISTED).code == 250
    log = (keyed.internet.namespace.root / "run/exim4/log_mainlog").read_text()
    assert "listed in bl.example" in log
    assert keyed.key not in log
