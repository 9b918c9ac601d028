"""Runs a second on one and two processors, and memory, in both isolation modes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HEADER = ["isolation", "processors", "callers", "runs a second", "MiB for each live sandbox"]
_WORKER = Path(__file__).with_name("worker.py")


def rows(seconds: int) -> Iterator[list[str]]:
    """Each mode on as many processors as callers."""
    for isolation in ("process", "shared"):
        for processors in (1, 2):
            command = [sys.executable, str(_WORKER), isolation, str(processors), str(seconds)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            rate, mebibytes = done.stdout.split()
            yield [isolation, str(processors), str(processors), rate, mebibytes]
