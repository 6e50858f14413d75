"""What pages are made to look like: the style sheet, the operator's colour, logo and icon.

All of it is in memory, small, and served at addresses that change with what is
there, so that a browser asks for it once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api import accent
from dnsbl.config import PortalConfig
from dnsbl.config.portal import ACCENT_DEFAULT

STATIC_FOLDER: Final = Path(__file__).parent / "static"

_LOGO_TYPES: Final = {"svg": "image/svg+xml", "png": "image/png"}
# A drawing that is opened by itself is a document: it may style itself, and nothing else.
_PICTURE_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages refer to. `policy` is a Content-Security-Policy of its own, or ""."""

    name: str
    content_type: str
    octets: bytes
    policy: str = ""

    @property
    def version(self) -> str:
        """A mark of what it holds."""
        return hashlib.sha256(self.octets).hexdigest()[:12]

    @property
    def address(self) -> str:
        """Where it is, below the portal's root."""
        return f"/static/{self.name}?v={self.version}"


class Look:
    """The assets of a portal, by name; each is made once."""

    def __init__(self, config: PortalConfig) -> None:
        self.style = Asset("portal.css", "text/css", (STATIC_FOLDER / "portal.css").read_bytes())
        self.operator = Asset(
            "operator.css", "text/css", (STATIC_FOLDER / "operator.css").read_bytes()
        )
        self.accent = Asset("accent.css", "text/css", accent.style_sheet(config.accent).encode())
        icon = (STATIC_FOLDER / "icon.svg").read_text()
        self.icon = Asset(
            "icon.svg",
            _LOGO_TYPES["svg"],
            icon.replace(ACCENT_DEFAULT, accent.light(config.accent).plain).encode(),
            _PICTURE_POLICY,
        )
        self.logo: Asset | None = None
        if config.logo is not None:
            kind = config.logo.kind
            self.logo = Asset(
                f"logo.{kind}", _LOGO_TYPES[kind], config.logo.octets, _PICTURE_POLICY
            )
        made = (self.style, self.operator, self.accent, self.icon, self.logo)
        self._assets = {asset.name: asset for asset in made if asset is not None}

    def asset(self, name: str) -> Asset | None:
        """The asset of that name, or None."""
        return self._assets.get(name)
