"""Domain names and mailboxes, as a configuration writes them."""

from __future__ import annotations

import re
from typing import Final

LABEL_OCTETS_MAX: Final = 63  # RFC 1035 §2.3.4
NAME_OCTETS_MAX: Final = 255  # RFC 1035 §2.3.4, on the wire
LOCAL_PART_OCTETS_MAX: Final = 64  # RFC 5321 §4.5.3.1.1
REVERSED_IPV6_OCTETS: Final = 64  # RFC 5782 §2.4: 32 labels of one nibble, each with its length

_HOSTNAME_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?", re.ASCII)
# RFC 5321 §4.1.2: atoms between dots; a quoted local part is not worth its trouble
_DOT_STRING = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)


def parse_hostname(text: str) -> str:
    """A domain name in lower case without the last dot. Raises ValueError with a reason."""
    if not text.isascii():  # and "K" (Kelvin) would become a "k"
        raise ValueError("it is not in ASCII; write an international name in its xn-- form")
    name = text.removesuffix(".").lower()
    labels = name.split(".")
    for label in labels:
        if len(label) > LABEL_OCTETS_MAX or not _HOSTNAME_LABEL.fullmatch(label):
            raise ValueError(
                f"the label {label!r} is not 1 to {LABEL_OCTETS_MAX} letters, digits, "
                "hyphens or underscores"
            )
    if sum(len(label) + 1 for label in labels) + 1 > NAME_OCTETS_MAX:
        raise ValueError(f"the name takes more than {NAME_OCTETS_MAX} octets")
    return name


def parse_origin(text: str) -> str:
    """A zone's origin: a domain name that leaves room for a reversed IPv6 address."""
    name = parse_hostname(text)
    if len(name) + 2 + REVERSED_IPV6_OCTETS > NAME_OCTETS_MAX:
        raise ValueError("the name leaves no room for a reversed IPv6 address before it")
    return name


def parse_nameserver(text: str) -> str:
    """A host name as an NS record holds it. Raises ValueError."""
    name = parse_hostname(text)
    if name.rpartition(".")[2].isdigit():  # RFC 1123 §2.1 tells addresses from names by that
        raise ValueError("it is an address; an NS record holds a name")
    return name


def is_host_label(name: str, origin: str) -> bool:
    """Whether a name inside the origin has a label before that which is no part of an address.

    RFC 5782 §2.3: where reversed addresses stand, nothing else does.
    """
    label = name.removesuffix(f".{origin}").rpartition(".")[2]
    return len(label) > 1 and not label.isdigit()


def parse_mailbox(text: str) -> str:
    """An e-mail address as a configuration names it: local part, @, domain name.

    The domain in lower case without the last dot, as `parse_hostname` gives it.
    """
    local, at, domain = text.rpartition("@")
    if not at or len(local) > LOCAL_PART_OCTETS_MAX or not _DOT_STRING.fullmatch(local):
        raise ValueError("it is not of the form name@domain")
    return f"{local}@{parse_hostname(domain)}"


def parse_hostmaster(text: str) -> str:
    """A mailbox that fits an SOA record. Raises ValueError."""
    mailbox = parse_mailbox(text)
    # RFC 1035 §8: in SOA the local part is one label
    if len(mailbox.rpartition("@")[0]) > LABEL_OCTETS_MAX:
        raise ValueError(f"what stands before the @ takes more than {LABEL_OCTETS_MAX} octets")
    if len(mailbox) + 2 > NAME_OCTETS_MAX:
        raise ValueError(f"as a name in SOA it takes more than {NAME_OCTETS_MAX} octets")
    return mailbox
