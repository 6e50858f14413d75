"""Answers as dig and kdig print them, read: what a test of a protocol expects of them."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import dataclass


@dataclass(frozen=True)
class Dug:
    """What dig printed of one reply."""

    text: str

    @property
    def status(self) -> str:
        return self._first(r"status: (\w+)")

    @property
    def opcode(self) -> str:
        return self._first(r"opcode: (\w+)")

    @property
    def flags(self) -> set[str]:
        return set(self._first(r"^;; flags:([^;]*);").split())

    @property
    def counts(self) -> tuple[int, ...]:
        """Of question, answer, authority and additional section."""
        return tuple(int(n) for n in re.findall(r"(?:QUERY|ANSWER|AUTHORITY|ADDITIONAL): (\d+)",
                                                self.text))  # fmt: skip

    @property
    def has_soa(self) -> bool:
        """Whether the answer section has one."""
        section = self.text.partition(";; ANSWER SECTION:")[2].partition("\n\n")[0]
        return re.search(r"\sIN\s+SOA\s", section) is not None

    @property
    def edns_version(self) -> int | None:
        """Of OPT; None where there is none."""
        found = self._first(r"EDNS: version: (\d+)")
        return int(found) if found else None

    @property
    def options(self) -> tuple[str, ...]:
        """The EDNS options, each as dig prints it: "COOKIE: 0102..."."""
        section = self.text.partition(";; OPT PSEUDOSECTION:\n")[2].partition("\n;;")[0]
        return tuple(line.removeprefix("; ") for line in section.splitlines()[1:])

    @property
    def size_bytes(self) -> int:
        return int(self._first(r"MSG SIZE  rcvd: (\d+)"))

    def values(self, rdtype: str) -> list[str]:
        """The data of the records of a type, anywhere in the reply."""
        pattern = rf"^[^;\s]\S*\s+\d+\s+\w+\s+{rdtype}\s+(.*)$"
        return re.findall(pattern, self.text, re.MULTILINE)

    @property
    def edns_flags(self) -> str:
        """DO, and MBZ with what should be zero and is not."""
        return self._first(r"EDNS: version: \d+, flags:([^;\n]*)(?:; udp|$)").strip()

    def _first(self, pattern: str) -> str:
        found = re.search(pattern, self.text, re.MULTILINE)
        return found[1] if found else ""


def dig(command: str, zone: str, port: int, server: str = "127.0.0.1") -> Dug:
    """Runs a dig command as documents have it, with $zone and $server in it."""
    words = shlex.split(command.replace("$zone", zone).replace("$server", server))
    assert words[0] == "dig"
    return _run("dig", "-p", str(port), "+tries=1", "+time=5", *words[1:])


def kdig(question: str, port: int, server: str = "127.0.0.1") -> Dug:
    """Asks a question by kdig, given in its words; EDNS options are read by `text` alone."""
    return _run(
        "kdig", f"@{server}", "-p", str(port), "+retry=0", "+time=5", *shlex.split(question)
    )


def _run(*command: str) -> Dug:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return Dug(done.stdout)
