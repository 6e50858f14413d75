"""What a listing or an exclusion is about: a network, or a domain name.

A zone lists the one or the other. The database holds both in one column and
tells them apart by their text: a canonical network has a slash, a name never.
"""

from __future__ import annotations

from dnsbl import name, network
from dnsbl.name import Name
from dnsbl.network import Network

Subject = Network | Name


def is_address_like(text: str) -> bool:
    """Whether a text is meant as an address or a network, well-formed or not: no name looks so."""
    return ":" in text or "/" in text or not text.strip("0123456789.")


def parse_canonical(text: str) -> Subject:
    """A network or a name from the database, which holds canonical text only.

    Raises NetworkError or DomainNameError where the text is neither, or is
    another spelling of one.
    """
    if is_address_like(text):
        return network.parse_canonical(text)
    return name.parse_canonical_name(text)
