"""What the operating system holds a guest process to."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(("size", "fits"), [("100 * MIB", True), ("2000 * MIB", False)])
def test_a_process_can_have_no_more_memory_than_its_guest_may_and_what_is_ours(
    size: str, fits: bool
) -> None:
    code = f"""
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.processes.confinement import bounds_of, hold_to
hold_to(bounds_of(Limits(memory_bytes=48 * MIB, disk_bytes=16 * MIB)))
try:
    bytes({size})
    print(True)
except MemoryError:
    print(False)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == f"{fits}\n"
