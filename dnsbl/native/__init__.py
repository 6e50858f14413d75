"""The compiled twins of what a query passes through; each has a pure one, and agrees with it.

A datagram is taken by ``drain``, which asks ``answer``: it is read (``query``), the entries that
cover its address are found (``ipv4``, ``ipv6``), they decide (``decision``), and the ``reply`` is
written from the ``plan`` of the zone. ``tally`` counts it, ``watch`` keeps a sample. Entries come
into a ``radix`` one by one, as ``rows``, or from an ``image``; ``expiry`` takes them out.

Small functions that every query needs stand in the ``.pxd`` files: a call from one module to
another goes through a pointer, and cannot become part of the caller.

They are loaded where they were built, unless ``DNSBL_PURE=1`` asks for the pure
ones; ``missing`` says why they are not.
"""

from __future__ import annotations

import os
from typing import Final

PURE_VARIABLE: Final = "DNSBL_PURE"

wanted: Final = os.environ.get(PURE_VARIABLE, "") in {"", "0"}
