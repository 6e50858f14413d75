"""Whether a domain gets mail at all, before any is sent there (RFC 5321 §5.1, RFC 7505)."""

from __future__ import annotations

from api.resolver import Resolver, UnknownError
from dnsbl.network import IPV4, IPV6, Family

_FAMILIES: tuple[Family, ...] = (IPV4, IPV6)


async def can_get_mail(resolver: Resolver | None, domain: str) -> bool:
    """Whether there is a host for the domain's mail, as far as the resolver says.

    What is not known stops no mail: its server will tell. Without a resolver
    nothing is known.
    """
    if resolver is None:
        return True
    try:
        exchangers = await resolver.exchangers(domain)
        if exchangers:
            # RFC 7505 §3: the root alone; beside others it is a mistake, and those count
            return exchangers != ("",)
        # RFC 5321 §5.1: a domain without MX records is its own, if it has an address
        for family in _FAMILIES:
            if await resolver.addresses(domain, family):
                return True
    except UnknownError:
        return True
    return False
