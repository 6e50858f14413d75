"""The compiled half of the project; all else stands in pyproject.toml.

The extensions are optional. Where there is no C compiler, or the system is not
Linux, the package installs all the same and serves from pure Python.
``DNSBL_SANITIZE=1`` builds them for AddressSanitizer and
UndefinedBehaviorSanitizer (`make sanitize`).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from setuptools import Extension, setup

COMPILE = ["-O2", "-fno-strict-aliasing", "-Wno-unused-function"]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
# Without optimization: it takes a fifth of the time to compile, and hides no access.
SANITIZE_COMPILE = ["-O0", "-g1", "-w", "-fno-omit-frame-pointer", *SANITIZE]


def extensions() -> list[Any]:
    """An extension for each module in dnsbl/native/; none where they cannot work."""
    if not sys.platform.startswith("linux") or sys.implementation.name != "cpython":
        return []
    from Cython.Build import cythonize  # noqa: PLC0415  # elsewhere it is not needed

    sanitize = bool(os.environ.get("DNSBL_SANITIZE"))
    found = [
        Extension(
            f"dnsbl.native.{source.stem}",
            [str(source)],
            extra_compile_args=SANITIZE_COMPILE if sanitize else COMPILE,
            extra_link_args=SANITIZE if sanitize else [],
        )
        for source in sorted(Path("dnsbl/native").glob("*.pyx"))
    ]
    made = cythonize(found, build_dir="build/cython", compiler_directives={"language_level": "3"})
    for extension in made:
        extension.optional = not sanitize  # only now: cythonize passes it over
    return made


setup(
    ext_modules=extensions(),
    options={"build_ext": {"parallel": os.cpu_count() or 1}},
)
