"""The programs of compute.py, native and in both interpreters."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from compute import PROGRAMS, TIMED, WITH_PACKAGES, run_in, run_natively, with_packages

from hermetic import Limits, Sandbox

HEADER = ["program", "native s", "Pyodide s", "ratio", "WASI s", "ratio"]
_LIMITS = Limits(memory_bytes=1 << 30, wall_seconds=300, cpu_seconds=300)


def rows(rounds: int) -> Iterator[list[str]]:
    """Best of the rounds. A program that an interpreter has not the modules for has no figure."""
    with (
        Sandbox(limits=_LIMITS, interpreter="pyodide") as pyodide,
        Sandbox(limits=_LIMITS, interpreter="wasi") as wasi,
    ):
        for name, (setup, body) in (PROGRAMS | WITH_PACKAGES).items():
            source = TIMED.format(setup=setup, body=body) + "seconds\n"
            python = with_packages() if name in WITH_PACKAGES else [sys.executable]
            native = min(run_natively(python, source) for _ in range(rounds))
            cells: list[str] = []
            for sandbox in (pyodide, wasi):
                if not has_modules(sandbox, setup):
                    cells += ["", ""]
                    continue
                seconds = min(run_in(sandbox, source) for _ in range(rounds))
                cells += [f"{seconds:.3f}", f"{seconds / native:.1f}"]
            yield [name, f"{native:.3f}", *cells]


def has_modules(sandbox: Sandbox, setup: str) -> bool:
    error = sandbox.run(setup, capture_value=False).error
    return error is None or not error.type.endswith(("ModuleNotFoundError", "ImportError"))
