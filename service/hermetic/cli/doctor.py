"""`hermetic doctor`: says what is there, and runs a guest to see that it works."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

from hermetic.cli import caching, exit_status
from hermetic.cli.messages import report_error, say
from hermetic.cli.progress import PreparationBar
from hermetic.cli.quantities import format_seconds, format_size
from hermetic.cli.standard_descriptors import STDOUT
from hermetic.cli.standard_streams import write
from hermetic_runtime import sandbox
from hermetic_runtime.cache import cache_directory, describe_cache
from hermetic_runtime.errors import HermeticError
from hermetic_runtime.results import RunResult
from hermetic_wasm.images import PYODIDE

_CHECK = "import hashlib, json, sqlite3, sys\nsys.version.split()[0]"


def examine() -> int:
    """Print the findings; status 1 when a guest can't be run."""
    _print_versions()
    try:
        with PreparationBar() as bar:
            result = sandbox.run(_CHECK, on_progress=bar.show)
    except HermeticError as error:
        _print("guest", "does not run")
        report_error(error)
        return exit_status.BROKEN
    _print_cache()
    return _judge(result)


def _print_versions() -> None:
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    _print("hermetic", version("hermetic"))
    _print("python", f"{platform.python_version()} on {system}, {os.cpu_count()} processors")
    _print("wasmtime", version("wasmtime"))
    _print("interpreter", f"{PYODIDE.name} {PYODIDE.version} (CPython {PYODIDE.python})")


def _print_cache() -> None:
    entries = describe_cache()
    total = format_size(sum(entry.size_bytes for entry in entries))
    _print("cache", f"{cache_directory()}  {total}")
    for entry in entries:
        _print("prepared", caching.describe(entry))


def _judge(result: RunResult) -> int:
    value = result.value.json if result.value else None
    if result.ok and value == PYODIDE.python:
        start, run = format_seconds(result.timings.start), format_seconds(result.timings.run)
        _print("guest", f"works: Python {value}, started in {start}, ran in {run}")
        return 0
    _print("guest", "does not work")
    reason = result.error.message if result.error else f"it answered {value!r}"
    say(
        f"{result.outcome.value}: {reason}",
        hint="`hermetic cache clear` makes the next run prepare the interpreter again.",
    )
    return exit_status.BROKEN


def _print(label: str, finding: str) -> None:
    write(STDOUT, f"{label:<12} {finding}\n".encode("utf-8", "backslashreplace"))
