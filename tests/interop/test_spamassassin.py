"""SpamAssassin scores mail from a listed client until its owner has delisted the address."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from documented import snippet
from internet import (
    KNOWN,
    LISTED,
    LISTED_DOMAIN,
    LISTED_IPV6,
    MAIL_SERVER,
    PORTAL,
    UNLISTED,
    Internet,
    until,
)
from keyed import Keyed
from sender import MESSAGE

LOCAL = f"""\
trusted_networks {MAIL_SERVER}
dns_available yes
use_bayes 0
util_rb_tld example
"""
RECEIVED = """\
Received: from sender.example (sender.example [{client}])
\tby mx.example (Postfix) with ESMTP id 1; Mon, 04 Jan 2027 10:00:01 +0000
"""
PATH = "/etc/spamassassin/local.cf"


@pytest.fixture(scope="module")
def spamassassin(site: Callable[[], Internet], tool: Callable[[str], str]) -> Internet:
    """A site that has SpamAssassin, with the lines of docs/mail-servers.md."""
    tool("spamassassin")
    made = site()
    made.namespace.write(PATH, LOCAL + snippet("SpamAssassin", PATH))
    return made


def scan(internet: Internet, client: str, domain: str = "sender.example") -> str:
    """SpamAssassin's report on a mail from a client and a domain, which links there; in a line."""
    mail = (
        f"Return-Path: <someone@{domain}>\n"
        f"{RECEIVED.format(client=client)}{MESSAGE.decode()}\nhttps://www.{domain}/\n"
    )
    # A user without a home, in which it would leave its files.
    report = internet.namespace.run(
        "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
        "spamassassin", "--test-mode", text=mail,
    )  # fmt: skip
    return " ".join(report.split())


@pytest.mark.parametrize("client", [LISTED, LISTED_IPV6])
def test_the_rule_hits_until_the_client_is_delisted(spamassassin: Internet, client: str) -> None:
    """The report has the score, the text and the portal; after a delisting, none of them."""
    report = scan(spamassassin, client)
    assert "3.0 BL_EXAMPLE_SPAM" in report
    assert f"Banned sending IP [{client}]" in report
    assert f"{PORTAL}/?ip={client}" in report

    spamassassin.delist(client)
    until(lambda: "BL_EXAMPLE" not in scan(spamassassin, client), f"{client} is still scored")


def test_others_are_not_hit(spamassassin: Internet) -> None:
    """A client that is not listed is none of the list's business."""
    assert "BL_EXAMPLE" not in scan(spamassassin, UNLISTED)


def test_an_allow_list_evens_out_a_list(spamassassin: Internet) -> None:
    """A client that is on both hits both rules."""
    report = scan(spamassassin, KNOWN)
    assert "3.0 BL_EXAMPLE_SPAM" in report
    assert "-3.0 WL_EXAMPLE_KNOWN" in report


def test_a_listed_domain_is_scored_as_sender_and_as_link(spamassassin: Internet) -> None:
    """Whoever the client is."""
    report = scan(spamassassin, UNLISTED, LISTED_DOMAIN)
    assert "3.0 DBL_EXAMPLE_FROM" in report
    assert "3.0 DBL_EXAMPLE_URI" in report
    assert "BL_EXAMPLE_SPAM" not in report


def test_a_key_stays_where_it_is(keyed: Keyed, tool: Callable[[str], str]) -> None:
    """The report has the score, the text and the portal, and no key."""
    tool("spamassassin")
    keyed.internet.namespace.write(PATH, LOCAL + keyed.lines("SpamAssassin with a key", PATH))

    report = scan(keyed.internet, LISTED)

    assert "3.0 BL_EXAMPLE_SPAM" in report
    assert f"Banned sending IP [{LISTED}]" in report
    assert f"{PORTAL}/?ip={LISTED}" in report
    assert keyed.key not in report
    assert "BL_EXAMPLE" not in scan(keyed.internet, UNLISTED)
