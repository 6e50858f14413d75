"""A list that is asked with a key, for mail servers that are to keep it to themselves."""

from __future__ import annotations

import json

from documented import snippet
from internet import Internet
from running import run_dnsbl

ZONE_CONFIG = '[keys]\nmode = "required"\n'


class Keyed:
    """An internet whose list wants a key; the key that a mail server has."""

    def __init__(self, made: Internet) -> None:
        self.internet = made
        words = ("key", "add", "mx", "--zone", "bl.example", "-o", "json")
        done = run_dnsbl(made.house.file, *words)
        assert done.returncode == 0, done.stderr
        self.key: str = json.loads(done.stdout)["key"]
        made.until_answered(f"2.0.0.127.{self.key}.bl.example", "A")
        assert not made.ask("2.0.0.127.bl.example").answer

    def lines(self, heading: str, path: str) -> str:
        """Those of the documentation, with the key in its place."""
        block = snippet(heading, path)
        assert "KEY.bl.example" in block
        return block.replace("KEY.bl.example", f"{self.key}.bl.example")
