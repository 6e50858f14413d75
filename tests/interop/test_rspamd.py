"""rspamd scores mail from a listed client until its owner has delisted the address."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from documented import snippet
from internet import KNOWN, LISTED, LISTED_DOMAIN, LISTED_IPV6, UNLISTED, Internet, until
from keyed import Keyed
from sender import ENVELOPE, MESSAGE

PORT = 11333
LOCAL = "/etc/rspamd/local.d"
# So that it starts in a second: it compiles a pattern for each top-level domain it knows.
OPTIONS = """\
url_tld = "/etc/rspamd/tlds.dat";
disable_hyperscan = true;
"""
SYMBOL, WEIGHT = "BL_EXAMPLE_SPAM", 5.0
LINK = f"\nhttps://www.{LISTED_DOMAIN}/\n".encode()


@pytest.fixture(scope="module")
def rspamd(site: Callable[[], Internet], tool: Callable[[str], str]) -> Internet:
    """Its defaults, and the lines of docs/mail-servers.md."""
    tool("rspamd")
    made = site()
    names = ("rbl.conf", "rbl_group.conf")
    start(made, {name: snippet("rspamd", f"{LOCAL}/{name}") for name in names})
    return made


def start(made: Internet, files: Mapping[str, str]) -> None:
    """Starts rspamd with those files."""
    at = made.namespace
    for folder in ("local.d", "override.d"):
        at.clear(f"/etc/rspamd/{folder}")
    for name, text in files.items():
        at.write(f"{LOCAL}/{name}", text)
    at.write("/etc/rspamd/local.d/logging.inc", 'type = "console";\n')
    at.write("/etc/rspamd/local.d/options.inc", OPTIONS)
    at.write("/etc/rspamd/tlds.dat", "example\n")
    made.start("rspamd", "-f", "-u", "_rspamd", "-g", "_rspamd")
    made.until_listening(PORT, "127.0.0.1")


def scan(internet: Internet, client: str, mail: bytes = MESSAGE) -> dict[str, Any]:
    """What rspamd finds in a mail from a client: its symbols."""
    headers = {"IP": client, "Helo": "sender.example", "From": ENVELOPE[0], "Rcpt": ENVELOPE[1]}
    with internet.namespace.inside():
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
        try:
            connection.request("POST", "/checkv2", mail, headers)
            reply = json.load(connection.getresponse())
        finally:
            connection.close()
    symbols: dict[str, Any] = reply["symbols"]
    return symbols


@pytest.mark.parametrize("client", [LISTED, LISTED_IPV6])
def test_the_symbol_stands_until_the_client_is_delisted(rspamd: Internet, client: str) -> None:
    """A listed client costs the weight of the symbol; after a delisting, nothing."""
    assert scan(rspamd, client)[SYMBOL]["score"] == WEIGHT

    rspamd.delist(client)
    until(lambda: SYMBOL not in scan(rspamd, client), f"{client} is still scored")


def test_others_have_no_symbol(rspamd: Internet) -> None:
    """A client that is not listed is none of the list's business."""
    assert SYMBOL not in scan(rspamd, UNLISTED)


def test_an_allow_list_has_a_symbol_of_its_own(rspamd: Internet) -> None:
    """A client that is on both lists has both symbols, which even out."""
    symbols = scan(rspamd, KNOWN)
    assert symbols["WL_EXAMPLE_KNOWN"]["score"] == -symbols[SYMBOL]["score"]


def test_a_link_to_a_listed_domain_has_a_symbol(rspamd: Internet) -> None:
    """Whoever the client is."""
    assert scan(rspamd, UNLISTED, MESSAGE + LINK)["DBL_EXAMPLE_SPAM"]["score"] == WEIGHT
    assert "DBL_EXAMPLE_SPAM" not in scan(rspamd, UNLISTED)


def test_a_key_stays_where_it_is(keyed: Keyed, tool: Callable[[str], str]) -> None:
    """Symbols and their options are without it."""
    tool("rspamd")
    rules = keyed.lines("rspamd with a key", f"{LOCAL}/rbl.conf")
    group = snippet("rspamd", f"{LOCAL}/rbl_group.conf")
    start(keyed.internet, {"rbl.conf": rules, "rbl_group.conf": group})

    symbols = scan(keyed.internet, LISTED)

    assert symbols[SYMBOL]["score"] == WEIGHT
    assert keyed.key not in json.dumps(symbols)
    assert SYMBOL not in scan(keyed.internet, UNLISTED)
