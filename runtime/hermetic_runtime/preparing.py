"""The preparing process: does what takes long or runs code of packages, and reports.

Runs by itself (see `preparing_process`) with a task's name and a JSON object as its
arguments, and reports on stdout, a JSON object a line. Interpreters and packages run
here, never a user's code.
"""

from __future__ import annotations

import errno
import gc
import json
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from hermetic_runtime.cache import cache_directory
from hermetic_runtime.errors import PreparationError
from hermetic_runtime.eviction import evict
from hermetic_wasm.errors import HermeticError

Report = Callable[[str, float, str], None]
Task = Callable[[Mapping[str, Any], Report], dict[str, Any]]

_TASKS = {
    "interpreter": "hermetic_runtime.preparing_pyodide",
    "wasi": "hermetic_runtime.preparing_wasi",
    "packages": "hermetic_runtime.preparing_packages",
    "snapshots": "hermetic_runtime.preparing_snapshots",
}
"""Modules by what they prepare; each has a function `prepare_task`, a `Task`."""


def main(task: str, argument: str) -> None:
    """Do it, and report; exit with status 1 after an error that was reported."""
    gc.enable()
    try:
        work: Task = import_module(_TASKS[task]).prepare_task
        result = work(json.loads(argument), _report)
        evict()
        _write({"result": result})
    except HermeticError as error:
        _write({"error": error.code, "message": error.message, "hint": error.hint})
        sys.exit(1)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = "About 100 MB are needed; free some, or set HERMETIC_CACHE_DIR." if full else None
        message = f"{error.filename or cache_directory()}: {error.strerror}"
        _write({"error": PreparationError.code, "message": message, "hint": hint})
        sys.exit(1)


def _report(step: str, fraction: float, detail: str) -> None:
    _write({"step": step, "fraction": fraction, "detail": detail})


def _write(report: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()


__all__ = ["main"]
