"""The two interpreters and the two ways to isolate a guest, as tests ask for them."""

from __future__ import annotations

from typing import TypedDict

from hermetic_runtime.providing import InterpreterName
from hermetic_runtime.sandbox import Isolation

STUBBORN = """
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
"""
"""A program that no exception ends."""


class SandboxOptions(TypedDict):
    """Arguments of `run` and `Sandbox`, the same for every sandbox of a test."""

    interpreter: InterpreterName
    isolation: Isolation


EVERY_SORT: tuple[SandboxOptions, ...] = (
    {"interpreter": "pyodide", "isolation": "process"},
    {"interpreter": "pyodide", "isolation": "shared"},
    {"interpreter": "wasi", "isolation": "process"},
    {"interpreter": "wasi", "isolation": "shared"},
)


def name_of(options: SandboxOptions) -> str:
    """As it stands in the name of a test."""
    return f"{options['interpreter']}-{options['isolation']}"
