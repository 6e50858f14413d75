"""The compiled twins of what a query passes through; each has a pure one, and agrees with it.

They are loaded where they were built, unless ``DNSBL_PURE=1`` asks for the pure
ones; ``missing`` says why they are not.
"""

from __future__ import annotations

import os
from typing import Final

PURE_VARIABLE: Final = "DNSBL_PURE"

wanted: Final = os.environ.get(PURE_VARIABLE, "") in {"", "0"}
