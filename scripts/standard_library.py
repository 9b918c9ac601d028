"""Print docs/stdlib.md: each module of the standard library, tried in both interpreters.

    python scripts/standard_library.py [MODULE ...]

With modules named, their lines of the table only. What is tried is in standard_library.toml.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from hermetic import Limits, RunResult, Sandbox
from hermetic_runtime.providing import InterpreterName

INTERPRETERS: tuple[InterpreterName, ...] = ("pyodide", "wasi")
PROBES: dict[str, dict[str, str]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
SHOWN_CHARACTERS = 90
HEADER = """\
# The standard library

Each module that CPython has for some platform, as it is in a guest of either interpreter.
`scripts/stdlib` makes this page: it imports each module in a guest of its own, and tries what is
listed in `scripts/standard_library.toml`.

| | |
|---|---|
| works | it imports, and all that was tried works |
| imports | it imports; nothing further was tried |
| partly | it imports, and what is named does not work |
| absent | it can't be imported |

[Differences from native Python](differences.md) says what to do about what is missing.

| module | `pyodide` | `wasi` |
|---|---|---|
"""
MODULES = "import sys; sorted(n for n in sys.stdlib_module_names if n[0] != '_')"
# Importing these acts: it opens a browser, or prints a text.
ACTING = {"antigravity", "this"}


def main(named: list[str]) -> None:
    if named:
        print("\n".join(line(module) for module in named))
        return
    print(HEADER + "\n".join(line(module) for module in modules()))


def modules() -> list[str]:
    """The modules of both interpreters."""
    found: set[str] = set()
    for interpreter in INTERPRETERS:
        with Sandbox(interpreter=interpreter) as sandbox:
            result = sandbox.run(MODULES)
        assert result.value is not None
        found |= set(result.value.json)
    return sorted(found - ACTING, key=str.casefold)


def line(module: str) -> str:
    """The module's row of the table."""
    cells = [standing(module, interpreter) for interpreter in INTERPRETERS]
    return f"| `{module}` | {' | '.join(cells)} |"


def standing(module: str, interpreter: InterpreterName) -> str:
    """What one interpreter has of a module."""
    imported = tried(interpreter, f"import {module}")
    if not imported.ok:
        return f"absent: {reason(imported)}"
    missing = [
        f"{what} ({reason(result)})"
        for what, code in PROBES.get(module, {}).items()
        if not (result := tried(interpreter, f"import {module}\n{code}")).ok
    ]
    if missing:
        return f"partly; not {', '.join(missing)}"
    return "works" if module in PROBES else "imports"


def tried(interpreter: InterpreterName, code: str) -> RunResult:
    """In a guest of its own, so that no module meets what another one left."""
    limits = Limits(wall_seconds=30)
    with Sandbox(interpreter=interpreter, limits=limits) as sandbox:
        return sandbox.run(code, capture_value=False)


def reason(result: RunResult) -> str:
    """The end of an error message, fit for a cell."""
    assert result.error is not None
    kind = result.error.type.rpartition(".")[2]
    message = " ".join(result.error.message.split()).replace("|", "/").replace("`", "'")
    if len(message) > SHOWN_CHARACTERS:
        message = message[:SHOWN_CHARACTERS].rsplit(" ", 1)[0] + " …"
    return f"`{kind}: {message}`" if message else f"`{kind}`"


if __name__ == "__main__":
    main(sys.argv[1:])
