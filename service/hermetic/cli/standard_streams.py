"""The standard streams, as bytes and without buffers."""

from __future__ import annotations

import os
import select
import sys
from typing import BinaryIO

from hermetic.cli.standard_descriptors import STDERR, STDOUT
from hermetic_runtime.errors import HermeticError

_NAMES = {STDOUT: "stdout", STDERR: "stderr"}


class OutputError(HermeticError):
    """What a run wrote can't be passed on."""

    code = "output"


def standard_input() -> BinaryIO | None:
    """Standard input, or None where the caller closed it."""
    return sys.stdin.buffer if sys.stdin is not None else None  # pyright: ignore[reportUnnecessaryComparison]


def write(descriptor: int, data: bytes) -> None:
    """Write all of `data`, waiting where the descriptor is non-blocking.

    Raises `BrokenPipeError` when the reader has gone and `OutputError` when there is
    no room or the device fails.
    """
    remaining = memoryview(data)
    while remaining:
        try:
            remaining = remaining[os.write(descriptor, remaining) :]
        except BlockingIOError:
            select.select([], [descriptor], [])
        except BrokenPipeError:
            raise
        except OSError as error:
            name = _NAMES[descriptor]
            raise OutputError(f"{name} can't be written to: {error.strerror}") from error
