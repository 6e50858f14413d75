"""What the statements of listings and exclusions share with the migrations that made the tables.

Apart from `schema`, which takes sqlite-utils: most commands only list, delist or look up.
"""

from __future__ import annotations

from typing import Final

KEY: Final = "zone, network, category"
LISTING_COLUMNS: Final = f"{KEY}, reason, source, evidence, listed_at, expires_at, text"
EXCLUSION_COLUMNS: Final = f"{KEY}, reason, grace, excluded_at, expires_at"

# Times are Unix seconds; the bound keeps out milliseconds, a common slip (it is the year 5138).
TIME_MAX: Final = 100_000_000_000
