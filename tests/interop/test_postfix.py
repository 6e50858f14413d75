"""Postfix refuses mail from a listed client until its owner has delisted the address."""

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

MAIN = f"""\
compatibility_level = 3.6
myhostname = mx.example
mynetworks = 127.0.0.0/8
inet_interfaces = {MAIL_SERVER}, {MAIL_SERVER_IPV6}
mydestination = destination.example
local_recipient_maps =
local_transport = discard:
alias_maps =
maillog_file = /var/log/postfix.log
"""
MASTER = "/etc/postfix/master.cf"


@pytest.fixture(scope="module")
def start(site: Callable[[], Internet], tool: Callable[[str], str]) -> Callable[..., Internet]:
    """Starts Postfix with some lines of main.cf and master.cf."""

    def start(main: str, master: str) -> Internet:
        tool("postfix")
        made = site()
        begin(made, main, master)
        return made

    return start


def begin(made: Internet, main: str, master: str) -> None:
    """Starts Postfix there."""
    at = made.namespace
    at.write("/etc/postfix/main.cf", MAIN + main)
    services = (at.root / "usr/share/postfix/master.cf.dist").read_text()
    services = services.replace("\nsmtp      inet", "\n#smtp      inet")
    at.write(MASTER, services + master)
    at.run("postconf", "-F", "*/*/chroot = n")
    at.run("postfix", "start")
    made.until_listening(25)


@pytest.fixture(scope="module")
def smtpd(start: Callable[..., Internet]) -> Internet:
    """With reject_rbl_client, in processes that end after ten connections."""
    return start(snippet("Postfix", "/etc/postfix/main.cf"), snippet("Postfix", MASTER))


@pytest.fixture(scope="module")
def postscreen(start: Callable[..., Internet]) -> Internet:
    """With postscreen before it, which waits for two seconds instead of six."""
    return start(
        snippet("Postscreen", "/etc/postfix/main.cf") + "postscreen_greet_wait = 2s\n",
        snippet("Postscreen", MASTER),
    )


@pytest.mark.parametrize("client", [LISTED, LISTED_IPV6])
def test_reject_rbl_client_quotes_the_text_until_the_client_is_delisted(
    smtpd: Internet, client: str
) -> None:
    """The refusal, and so the bounce, says why and where to ask; after a delisting mail passes."""
    reply = send(smtpd, client)
    assert reply.code == 554
    assert f"Banned sending IP [{client}]" in reply.text
    assert f"{PORTAL}/?ip={client}" in reply.text

    smtpd.delist(client)
    until_taken(smtpd, client)


def test_reject_rbl_client_lets_others_pass(smtpd: Internet) -> None:
    """A client that is not listed is none of the list's business."""
    assert send(smtpd, UNLISTED).code == 250


def test_permit_dnswl_client_lets_a_listed_client_pass(smtpd: Internet) -> None:
    """A client that the allow-list knows is not refused for the block list's sake."""
    assert send(smtpd, KNOWN).code == 250


def test_reject_rhsbl_sender_refuses_a_listed_domain(smtpd: Internet) -> None:
    """A list of domains is asked for the sender's, and its text is quoted too."""
    reply = send(smtpd, UNLISTED, f"someone@mail.{LISTED_DOMAIN}")
    assert reply.code == 554
    assert f"mail.{LISTED_DOMAIN} sends spam" in reply.text


def test_postscreen_refuses_until_the_client_is_delisted(postscreen: Internet) -> None:
    """It quotes no text of a list; its footer says where to ask instead."""
    reply = send(postscreen, LISTED)
    assert reply.code == 550
    assert "blocked using bl.example" in reply.text
    assert f"https://delist.example/?ip={LISTED}" in reply.text

    postscreen.delist(LISTED)
    until_taken(postscreen, LISTED)


def test_postscreen_lets_others_pass(postscreen: Internet) -> None:
    """A client that is not listed gets to the real server."""
    assert send(postscreen, UNLISTED).code == 250


def test_postscreen_weighs_an_allow_list_against_the_list(postscreen: Internet) -> None:
    """A client that is on both passes."""
    assert send(postscreen, KNOWN).code == 250


def test_reject_rbl_client_stops_no_mail_where_the_list_is_gone(smtpd: Internet) -> None:
    """What cannot be looked up is taken as not listed, and mail is not put off either."""
    assert send(smtpd, IN_RANGE).code == 554
    smtpd.cut_off()  # so this test is the module's last

    until_taken(smtpd, IN_RANGE)


def test_a_key_stays_where_it_is(keyed: Keyed, tool: Callable[[str], str]) -> None:
    """The refusal names the list, its text and the portal, and no key."""
    tool("postfix")
    heading, replies = "Postfix with a key", "/etc/postfix/dnsbl_replies"
    keyed.internet.namespace.write(replies, keyed.lines(heading, replies))
    main = keyed.lines(heading, "/etc/postfix/main.cf")
    begin(keyed.internet, main, snippet("Postfix", MASTER))

    reply = send(keyed.internet, LISTED)

    assert reply.code == 554
    assert f"Client host [{LISTED}] blocked using bl.example; Banned sending IP" in reply.text
    assert f"{PORTAL}/?ip={LISTED}" in reply.text
    assert keyed.key not in reply.text
    assert send(keyed.internet, UNLISTED).code == 250


def test_a_key_stays_in_postscreen(keyed: Keyed, tool: Callable[[str], str]) -> None:
    """The refusal names the list, and where to ask, and no key."""
    tool("postfix")
    heading, names = "Postscreen with a key", "/etc/postfix/dnsbl_names"
    keyed.internet.namespace.write(names, keyed.lines(heading, names))
    main = keyed.lines(heading, "/etc/postfix/main.cf")
    begin(keyed.internet, main + "postscreen_greet_wait = 2s\n", snippet("Postscreen", MASTER))

    reply = send(keyed.internet, LISTED)

    assert reply.code == 550
    assert "blocked using bl.example" in reply.text
    assert f"https://delist.example/?ip={LISTED}" in reply.text
    assert keyed.key not in reply.text
    assert send(keyed.internet, UNLISTED).code == 250
