"""Which of the twins serves."""

from __future__ import annotations

import subprocess
import sys

import twins

from dnsbl import native
from dnsbl.zone import radix as pure
from dnsbl.zone.fast import fast_paths
from dnsbl.zone.twin import COMPILED, new_radix
from dnsbl.zone.zones import Zones


def test_the_compiled_twin_serves_where_it_was_built() -> None:
    """Unless the pure one is wanted; radix and answer path go together."""
    if native.wanted:
        expected: object = twins.compiled("radix").Radix
    else:
        expected = pure.Radix

    assert type(new_radix(("spam",))) is expected
    assert (expected is not pure.Radix) == COMPILED
    assert [path is not None for path in fast_paths(Zones(()), 2)] == [COMPILED] * 2


def test_the_pure_twin_serves_where_it_is_wanted() -> None:
    """And nothing compiled of ours is loaded then."""
    program = (
        "import os, sys; os.environ['DNSBL_PURE'] = '1'\n"
        "from dnsbl.server import service\n"
        "from dnsbl.zone.twin import COMPILED\n"
        "assert not COMPILED\n"
        "print([name for name in sys.modules if name.startswith('dnsbl.native.')])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_a_part_that_is_missing_makes_the_pure_twin_serve() -> None:
    """Each part is optional to set-up: all of them are there, or none is used."""
    for part in ("answer", "drain", "gate", "image", "radix"):
        program = (
            f"import sys; sys.modules['dnsbl.native.{part}'] = None\n"
            "from dnsbl.zone.fast import fast_paths\n"
            "from dnsbl.zone.twin import COMPILED, MISSING\n"
            "from dnsbl.zone.zones import Zones\n"
            "assert not COMPILED and MISSING\n"
            "assert fast_paths(Zones(()), 1) == [None]"
        )

        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False
        )

        assert done.stderr == ""
