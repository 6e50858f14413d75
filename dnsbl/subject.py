"""What a listing or an exclusion is about: a network, or a domain name.

A zone lists the one or the other. The database holds both in one column and
tells them apart by their text: a canonical network has a slash, a name never.
"""

from __future__ import annotations

from dnsbl import name, network
from dnsbl.name import Name
from dnsbl.network import Network, NotListableError

Subject = Network | Name


def is_address_like(text: str) -> bool:
    """Whether a text is meant as an address or a network, well-formed or not: no name looks so.

    RFC 1123 §2.1: what ends in a number is no name.
    """
    if ":" in text or "/" in text:
        return True
    last = text.removesuffix(".").rpartition(".")[2]
    return last.isdigit() or not last


def parse(text: str) -> Subject:
    """A network, an address or a name as a person writes it, told by its look.

    Raises NetworkError or DomainNameError with a sentence for that person.
    """
    return network.parse(text) if is_address_like(text) else name.parse_name(text)


def parse_canonical(text: str) -> Subject:
    """A network or a name from the database, which holds canonical text only.

    Raises NetworkError or DomainNameError where the text is neither, or is
    another spelling of one.
    """
    if is_address_like(text):
        return network.parse_canonical(text)
    return name.parse_canonical_name(text)


def check_listable(subject: Subject, *, force: bool = False) -> None:
    """Whether an operator may list this; of networks as `dnsbl.network.check_listable` has it.

    Raises NotListableError for all names below a top-level domain unless forced:
    a slip of the pen must not list half of the DNS (RFC 6471 §3.5, in spirit).
    """
    if isinstance(subject, Network):
        network.check_listable(subject, force=force)
    elif not force and not subject.is_exact and "." not in subject.domain:
        raise NotListableError(
            f"{subject} is not listed: it is every name below {subject.domain}; "
            "--force lists it all the same"
        )
