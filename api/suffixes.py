"""What of a domain name somebody registered, by the Public Suffix List."""

from __future__ import annotations

import functools

from publicsuffixlist import PublicSuffixList


def registered(domain: str) -> str | None:
    """The registrable domain that an ASCII domain in lower case lies in: a.co.uk of mx1.a.co.uk.

    None for a public suffix such as co.uk, in which everybody registers.
    """
    return _suffixes().privatesuffix(domain)


def read() -> None:
    """Reads the list, which takes tens of milliseconds; otherwise the first question does."""
    _suffixes()


@functools.cache
def _suffixes() -> PublicSuffixList:
    """https://publicsuffix.org, as it is when the library is installed: nothing is fetched."""
    return PublicSuffixList()
