"""Whose tests are run, and in which guest: what suites.toml says."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from hermetic_runtime.providing import InterpreterName

_FILE = Path(__file__).with_name("suites.toml")


@dataclass(frozen=True)
class Suite:
    """The tests of one version of a package. suites.toml describes the fields."""

    package: str
    interpreter: InterpreterName
    version: str
    keep: list[str]
    tests: str
    first: dict[str, list[str]]
    needed: list[str]
    extends: list[str]
    stand_ins: list[str]
    options: list[str]
    memory_mib: int
    note: str

    @property
    def requirements(self) -> list[str]:
        return [f"{self.package}=={self.version}", "pytest", *self.needed]


def all_suites() -> dict[str, Suite]:
    """By the names of their packages."""
    return {
        package: Suite(
            package,
            table["interpreter"],
            table["version"],
            table["keep"],
            table["tests"],
            table.get("first", {}),
            table.get("with", []),
            table.get("extends", []),
            table.get("stand_ins", []),
            table.get("options", []),
            table.get("memory_mib", 1024),
            table.get("note", ""),
        )
        for package, table in tomllib.loads(_FILE.read_text(encoding="utf-8")).items()
    }
