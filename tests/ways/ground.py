"""The configuration and the empty database that every way begins with."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from house import House, free_port
from portal import START

from api.pages import Pages
from dnsbl.config import Config
from dnsbl.store import news
from dnsbl.store.database import open_writer

ZONE: Final = "bl.example"
POLICIES_TEXT: Final = """\
origin = "bl.example"
nameservers = ["ns1.bl.example"]
hostmaster = "hostmaster@bl.example"
[category.spam]
answer = "127.0.0.2"
text = "$"
[category.policy]
answer = "127.0.0.10"
text = "$"
delist = "review"
[category.hijacked]
answer = "127.0.0.9"
text = "$"
delist = "never"
[category.strict]
answer = "127.0.0.11"
text = "$"
grace_s = 0
"""
CATEGORIES: Final = ("spam", "policy", "hijacked", "strict")
MANY: Final = 1_000_000


class Ground:
    """A configuration and an empty database, made once."""

    def __init__(self, folder: Path) -> None:
        house = House(folder, free_port(), free_port())
        house.write_zone(POLICIES_TEXT)
        house.write_config()
        self.config: Config = house.config
        self.pages = Pages(self.config)
        self.empty = folder / "empty.sqlite3"
        with_watch = open_writer(self.empty)
        batch = news.look(with_watch, MANY, START)
        assert batch is not None
        with with_watch.transaction():
            news.take(with_watch, batch, lambda *_: True, START)
        with_watch.close()
