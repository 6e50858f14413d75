"""What the README tells a newcomer to type, typed; and the same questions by another program."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from house import House
from running import Running

README = Path(__file__).parent.parent.parent / "README.md"

# What RFC 5782 wants each of the README's questions to be answered with.
EXPECTED = {
    "2.0.0.127.bl.example A": r"status: NOERROR.*\s300\s+IN\s+A\s+127\.0\.0\.2\b",
    "2.0.0.127.bl.example TXT": r'status: NOERROR.*\sIN\s+TXT\s+"Access denied, banned sending IP '
    r"\[127\.0\.0\.2\]; to request removal visit http://[^\"]*/\?ip=127\.0\.0\.2\"",
    "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bl.example A": (
        r"status: NOERROR.*\sIN\s+A\s+127\.0\.0\.2\b"
    ),
    "bl.example SOA": r"status: NOERROR.*\sIN\s+SOA\s+ns1\.bl\.example\. hostmaster\.bl\.example\.",
    "bl.example NS": r"status: NOERROR.*\sIN\s+NS\s+ns1\.bl\.example\.",
    "2.0.0.127.bl.example A +tcp": r"status: NOERROR.*\sIN\s+A\s+127\.0\.0\.2\b.*\(TCP\)",
    "1.0.0.127.bl.example A": r"status: NXDOMAIN.*ANSWER: 0, AUTHORITY: 1.*\s60\s+IN\s+SOA\s",
}


def readme_digs() -> list[str]:
    """The dig commands in the README, without their comments."""
    found = re.findall(r"^dig [^\n]*", README.read_text(), re.MULTILINE)
    return [line.split("#")[0].strip() for line in found]


def question(command: str) -> str:
    """A dig command without its server and port."""
    return " ".join(shlex.split(command)[1:]).replace("@127.0.0.1 -p 5300 ", "")


def test_the_readme_asks_all_that_rfc_5782_wants() -> None:
    """The commands of the README are the ones whose answers are known here, no fewer."""
    assert sorted(EXPECTED) == sorted({question(command) for command in readme_digs()})


@pytest.mark.parametrize("program", ["dig", "kdig"])
def test_the_questions_of_the_readme_are_answered(
    house: House, serve: Callable[..., Running], tool: Callable[[str], str], program: str
) -> None:
    """Each dig of the README is answered as RFC 5782 wants; kdig agrees."""
    tool(program)
    serve(house.file)

    for command in readme_digs():
        words = [str(house.dns_port) if word == "5300" else word for word in shlex.split(command)]
        done = subprocess.run(
            [program, *words[1:]], capture_output=True, text=True, timeout=30, check=False
        )
        expected = EXPECTED[question(command)]
        if program == "kdig":  # it words the rcode, the counts and the transport otherwise
            expected = expected.replace(r".*ANSWER: 0, AUTHORITY: 1", "").replace(r".*\(TCP\)", "")
        assert re.search(expected, done.stdout, re.DOTALL), f"{command}\n{done.stdout}"
