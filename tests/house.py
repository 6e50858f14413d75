"""A configuration in a folder of its own, on ports that are free, as an operator would have it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ports import free_port

from dnsbl.config import Config, load

__all__ = ["ZONE_TEXT", "House", "free_port"]

ZONE_TEXT = """\
origin = "bl.example"
nameservers = ["ns1.bl.example"]
hostmaster = "hostmaster@bl.example"
ttl_s = 300
negative_ttl_s = 60
[category.spam]
answer = "127.0.0.2"
text = "Access denied, banned sending IP [$]; to request removal visit {portal}/?ip=$"
delist = "self"
"""


@dataclass(frozen=True)
class House:
    """A folder with a configuration, as an operator would have it."""

    folder: Path
    dns_port: int
    portal_port: int

    @property
    def file(self) -> Path:
        return self.folder / "dnsbl.toml"

    @property
    def config(self) -> Config:
        return load(self.file)

    @property
    def portal_url(self) -> str:
        return f"http://127.0.0.1:{self.portal_port}"

    def write_zone(self, text: str, origin: str = "bl.example") -> None:
        (self.folder / "zones").mkdir(exist_ok=True)
        (self.folder / "zones" / f"{origin}.toml").write_text(text)

    def write_config(self, more: str = "") -> None:
        """Writes dnsbl.toml; `more` is further TOML, beginning with a table of its own."""
        self.file.write_text(
            f"""\
zones = "zones"
[data]
directory = "data"
[dns]
listen = ["127.0.0.1:{self.dns_port}"]
[portal]
listen = "127.0.0.1:{self.portal_port}"
public_url = "{self.portal_url}"
{more}
"""
        )
