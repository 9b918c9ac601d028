"""Memory that is gathered into huge pages. In processes of their own, for their memory's sake."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="zygotes are of Linux")

_MEMORY = """
import mmap
from hermetic_runtime.processes.collapsing import collapse_memory

MIB = 1024 * 1024

def of_this_process(what):
    with open("/proc/self/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith(what)) // 1024

memory = mmap.mmap(-1, 64 * MIB, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
"""


def output_of(code: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", _MEMORY + code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return ended.stdout.strip()


def test_what_is_written_is_gathered_and_stays_what_it_is() -> None:
    code = """
memory[:] = bytes(range(256)) * (64 * MIB // 256)
collapsed = collapse_memory()
kept = memory[:] == bytes(range(256)) * (64 * MIB // 256)
print(collapsed, of_this_process("AnonHugePages:") // 2, kept)
"""
    collapsed, huge, kept = output_of(code).split()

    if collapsed == "0":
        pytest.skip("this system has no huge pages to spare, or is older than Linux 6.1")
    assert int(huge) >= int(collapsed) > 16
    assert kept == "True"


def test_what_is_mostly_empty_takes_no_more_memory() -> None:
    code = """
for start in range(0, 64 * MIB, 64 * 1024):
    memory[start] = 1
before = of_this_process("Rss:")
collapse_memory()
print(of_this_process("Rss:") - before)
"""
    assert int(output_of(code)) < 16


def test_a_process_without_proc_is_left_as_it_is() -> None:
    code = """
import builtins
def refuse(*_, **__):
    raise OSError("no such folder")
builtins.open = refuse
print(collapse_memory())
"""
    assert output_of(code) == "0"
