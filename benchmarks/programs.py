"""The programs that the benchmarks run, and what to install where one is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent
PROJECT: Final = FOLDER.parent

PACKAGES: Final = {"dnsperf": "dnsperf", "rbldnsd": "rbldnsd", "cc": "gcc and libc6-dev"}
PRODUCT_VARIABLE: Final = "DNSBL_PRODUCT"
ADMIN_FOLDERS: Final = ("/usr/sbin", "/usr/local/sbin")  # not on every PATH
COMPILE: Final = ("-O2", "-Wall", "-Wextra", "-pthread")


class MissingProgramError(Exception):
    """A program that is not installed; the text says what to install."""


def program(name: str) -> str:
    """The path of one of PACKAGES' programs."""
    found = shutil.which(name) or next(
        (path for folder in ADMIN_FOLDERS if (path := shutil.which(name, path=folder))), None
    )
    if found is None:
        raise MissingProgramError(
            f"{name} is not installed: install Debian's package {PACKAGES[name]}."
        )
    return found


def product() -> str:
    """The product's own command: the one that DNSBL_PRODUCT names, or of the running environment.

    The environment that draws the plot has libraries that sqlite-utils loads where they are there;
    they would be counted as the product's memory.
    """
    command = Path(os.environ.get(PRODUCT_VARIABLE) or Path(sys.executable).with_name("dnsbl"))
    if not command.exists():
        raise MissingProgramError(f"{command} is not there: run `make setup`.")
    return str(command)


def compiled(name: str, into: Path) -> str:
    """Compiles one of this folder's C programs, and gives the path of what came of it."""
    made = into / name
    command = [program("cc"), *COMPILE, "-o", str(made), str(FOLDER / f"{name}.c")]
    subprocess.run(command, check=True)
    return str(made)
