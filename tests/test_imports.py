"""Imports point one way: hermetic -> hermetic_runtime -> hermetic_wasm."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = {
    "hermetic": ROOT / "service/hermetic",
    "hermetic_runtime": ROOT / "runtime/hermetic_runtime",
    "hermetic_wasm": ROOT / "wasm/hermetic_wasm",
}
GUEST = SOURCES["hermetic_wasm"] / "guest"


def imported_modules(path: Path) -> Iterator[str]:
    """Absolute names of what a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_packages(folder: Path, *, without: Path | None = None) -> set[str]:
    files = [file for file in folder.rglob("*.py") if without not in file.parents]
    assert files
    return {name.partition(".")[0] for file in files for name in imported_modules(file)}


@pytest.mark.parametrize(
    ("package", "above"),
    [("hermetic_wasm", {"hermetic_runtime", "hermetic"}), ("hermetic_runtime", {"hermetic"})],
)
def test_a_package_imports_nothing_above_it(package: str, above: set[str]) -> None:
    assert not imported_packages(SOURCES[package]) & above


def test_hermetic_wasm_needs_only_the_standard_library() -> None:
    allowed = sys.stdlib_module_names | {"hermetic_wasm"}
    assert imported_packages(SOURCES["hermetic_wasm"], without=GUEST) <= allowed


def test_the_kernel_imports_only_itself_and_the_standard_library() -> None:
    kernel = SOURCES["hermetic_runtime"] / "kernel"
    own = "hermetic_runtime.kernel"
    for file in kernel.rglob("*.py"):
        for name in imported_modules(file):
            inside = name == own or name.startswith(f"{own}.")
            assert inside or name.partition(".")[0] in sys.stdlib_module_names, f"{file}: {name}"


def test_the_guest_agent_imports_only_itself_and_the_standard_library() -> None:
    with_matplotlib = ("figures.py", "fonts.py")
    agent = [file for file in GUEST.rglob("*.py") if file.name not in with_matplotlib]
    imported = {name.partition(".")[0] for file in agent for name in imported_modules(file)}
    assert imported <= sys.stdlib_module_names | {"hermetic_guest"}


def test_nothing_of_the_wasmtime_package_is_imported() -> None:
    assert "wasmtime" not in imported_packages(SOURCES["hermetic_runtime"])
