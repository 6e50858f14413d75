"""Who imports whom is what docs/architecture.md says, and what `make lint` enforces."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parent.parent
BORDERS = (
    (PROJECT / "docs" / "architecture.md").read_text().split("## Borders")[1].split("\n## ")[0]
)
CONTRACTS = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]


def contract(beginning: str) -> dict[str, list[str]]:
    """The contract whose name begins so."""
    [found] = [each for each in CONTRACTS if each["name"].startswith(beginning)]
    return dict(found)


def named(beginning: str) -> set[str]:
    """What a sentence of the page lists."""
    sentence = BORDERS.split(beginning)[1].split(".\n")[0]
    return {f"dnsbl.{name}" for name in re.findall(r"`(\w+)`", sentence)}


def imported(package: str) -> set[str]:
    """The parts of dnsbl that files of a package import."""
    parts: set[str] = set()
    for file in (PROJECT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "dnsbl":
                parts |= {f"dnsbl.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dnsbl."):
                parts.add(".".join(str(node.module).split(".")[:2]))
            elif isinstance(node, ast.Import):
                parts |= {alias.name for alias in node.names if alias.name.split(".")[0] == "dnsbl"}
    return parts


def test_the_sidecar_imports_what_the_page_allows_and_no_more() -> None:
    """Import-linter forbids by name; here what is not allowed is forbidden."""
    assert imported("api") == named("`api` imports of `dnsbl`:")


def test_what_the_sidecar_never_reaches_is_what_the_contract_forbids() -> None:
    """Not by another module either."""
    forbidden = set(contract("The sidecar uses")["forbidden_modules"])

    assert forbidden == named("By no way does it reach the server:")


def test_the_pure_modules_are_those_of_the_contract() -> None:
    """Each is there, and none is held to less than the page says."""
    pure: set[str] = set()
    for package, modules in re.findall(r"^\| `([\w.]+)` \| (.+) \|$", BORDERS, re.MULTILINE):
        names = re.findall(r"`(\w+)`", modules)
        pure |= {f"{package}.{name}" for name in names} or {package}

    assert pure == set(contract("Bytes and decisions")["source_modules"])
    for module in pure:
        path = PROJECT / module.replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").exists()
