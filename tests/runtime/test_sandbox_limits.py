"""Each limit of a sandbox, reached by a guest."""

from __future__ import annotations

import os

import pytest
from sandbox_options import STUBBORN, SandboxOptions

from hermetic_runtime.limits import KIB, MIB, Limits
from hermetic_runtime.reported import Outcome
from hermetic_runtime.results import RunResult
from hermetic_runtime.sandbox import Isolation, Sandbox, run


def limit_of(result: RunResult) -> str | None:
    assert result.error is not None
    return result.error.limit


def test_waiting_for_stdin_ends_at_the_deadline(options: SandboxOptions) -> None:
    reader, writer = os.pipe()
    with open(reader, "rb") as source, open(writer, "wb"):
        result = run("input()", stdin=source, limits=Limits(wall_seconds=0.3), **options)

    assert (result.outcome, limit_of(result)) == (Outcome.TIMEOUT, "wall_seconds")


def test_memory_past_its_limit_is_a_memory_error(options: SandboxOptions) -> None:
    result = run("b = bytearray(10**9)", limits=Limits(memory_bytes=64 * MIB), **options)

    assert (result.outcome, result.exit_code) == (Outcome.MEMORY, 137)
    assert result.error is not None
    assert (result.error.type, result.error.limit) == ("MemoryError", "memory_bytes")


def test_a_guest_may_catch_its_memory_error(options: SandboxOptions) -> None:
    code = "try: bytearray(10**9)\nexcept MemoryError: print('caught')"

    result = run(code, limits=Limits(memory_bytes=64 * MIB), **options)

    assert (result.outcome, result.stdout.text) == (Outcome.OK, "caught\n")


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        STUBBORN,
        "import time; time.sleep(600)",
        "import select; select.select([], [], [], 600)",
        "import asyncio; asyncio.run(asyncio.sleep(600))",
        "10**10**8",
    ],
)
def test_a_run_ends_at_the_wall_deadline(code: str, options: SandboxOptions) -> None:
    result = run(code, limits=Limits(wall_seconds=0.3), **options)

    assert (result.outcome, result.exit_code) == (Outcome.TIMEOUT, 124)
    assert limit_of(result) == "wall_seconds"


@pytest.mark.parametrize("code", ["import time; time.sleep(600)", STUBBORN])
def test_output_from_before_the_deadline_is_kept(code: str, options: SandboxOptions) -> None:
    result = run(f"print('before')\n{code}", limits=Limits(wall_seconds=2), **options)

    assert (result.outcome, result.stdout.text) == (Outcome.TIMEOUT, "before\n")


@pytest.mark.parametrize("code", ["while True: pass", STUBBORN])
def test_a_run_ends_when_its_processor_time_is_up(code: str, options: SandboxOptions) -> None:
    result = run(f"print('before')\n{code}", limits=Limits(cpu_seconds=0.3), **options)

    assert (result.outcome, limit_of(result)) == (Outcome.TIMEOUT, "cpu_seconds")
    assert result.stdout.text == "before\n"


def test_sleeping_uses_no_processor_time(options: SandboxOptions) -> None:
    result = run("import time; time.sleep(0.5)", limits=Limits(cpu_seconds=0.3), **options)

    assert result.outcome is Outcome.OK


def test_a_timeout_says_where_the_guest_was(options: SandboxOptions, patient: None) -> None:
    code = "def wait():\n    while True: pass\nwait()"

    result = run(code, limits=Limits(wall_seconds=1), **options)

    assert result.error is not None
    assert "in wait" in result.error.traceback


def test_a_sandbox_lives_on_after_a_timeout_that_the_guest_obeyed(
    options: SandboxOptions, patient: None
) -> None:
    with Sandbox(**options) as sandbox:
        sandbox.run("x = 5")
        stopped = sandbox.run("while True: pass", limits=Limits(wall_seconds=1))

        assert stopped.outcome is Outcome.TIMEOUT
        assert sandbox.run("x").value == run("5", **options).value


def test_output_past_its_limit_ends_the_run(options: SandboxOptions) -> None:
    result = run("while True: print('x' * 99)", limits=Limits(output_bytes=10 * KIB), **options)

    assert (result.outcome, limit_of(result)) == (Outcome.OUTPUT, "output_bytes")
    assert len(result.stdout.text) == 10 * KIB
    assert (result.stdout.truncated, result.stderr.truncated) == (True, False)


def test_file_bytes_past_their_limit_are_an_error(options: SandboxOptions) -> None:
    code = "with open('/tmp/a', 'wb') as f:\n    while True: f.write(bytes(10_000))"

    result = run(code, limits=Limits(disk_bytes=MIB), **options)

    assert (result.outcome, limit_of(result)) == (Outcome.DISK, "disk_bytes")


def test_files_past_their_number_are_an_error(options: SandboxOptions) -> None:
    code = "for i in range(1000): open(f'/tmp/{i}', 'w').close()"

    result = run(code, limits=Limits(files=100), **options)

    assert (result.outcome, limit_of(result)) == (Outcome.DISK, "files")


def test_open_files_past_their_number_are_an_error(options: SandboxOptions) -> None:
    code = "kept = [open('/dev/null') for _ in range(100)]"

    result = run(code, limits=Limits(open_files=20), **options)

    assert (result.outcome, limit_of(result)) == (Outcome.ERROR, "open_files")


def test_a_value_past_its_limit_is_cut(options: SandboxOptions) -> None:
    result = run("'x' * 10_000", limits=Limits(value_bytes=1000), **options)

    assert (result.outcome, limit_of(result)) == (Outcome.OUTPUT, "value_bytes")
    assert result.value is not None
    assert len(result.value.repr) <= 1000


@pytest.mark.parametrize(
    "code",
    [
        "def f(): f()\nf()",
        "f = lambda: 0\nfor _ in range(100_000): f = (lambda g: lambda: g())(f)\nf()",
        "eval('(' * 10_000 + ')' * 10_000)",
        "import json; json.loads('[' * 1_000_000)",
        "import sys; sys.setrecursionlimit(10**9)\ndef f(): return [f()]\nf()",
        "a = []\nfor _ in range(1_000_000): a = [a]\nrepr(a)",
        "import re; re.match('(' * 5000 + ')' * 5000, '')",
    ],
)
def test_deep_recursion_ends_the_run_and_nothing_else(code: str, options: SandboxOptions) -> None:
    result = run(code, **options)

    assert result.outcome in (Outcome.ERROR, Outcome.CRASHED, Outcome.MEMORY)
    assert run("1", **options).ok


def test_fuel_that_runs_out_ends_the_run(options: SandboxOptions) -> None:
    result = run("while True: pass", limits=Limits(fuel=50_000_000), **options)

    assert (result.outcome, limit_of(result)) == (Outcome.FUEL, "fuel")


def test_the_smallest_memory_that_is_allowed_boots(options: SandboxOptions) -> None:
    assert run("1", limits=Limits(memory_bytes=48 * MIB), **options).ok


@pytest.mark.parametrize(
    "code",
    [
        "import time\ntime.sleep(600)",
        "import asyncio\nasyncio.run(asyncio.sleep(600))",
        "import asyncio\nawait asyncio.sleep(600)",
        "import select\nselect.poll().poll()",
    ],
)
def test_a_wait_that_is_cut_off_by_the_deadline_says_where(
    code: str, options: SandboxOptions, patient: None
) -> None:
    result = run(code, limits=Limits(wall_seconds=1.5), **options)

    assert result.outcome is Outcome.TIMEOUT
    assert result.error is not None
    assert "KeyboardInterrupt" in result.error.traceback
    assert 'File "<code>", line 2' in result.error.traceback


def test_a_pipe_that_stays_empty_is_cut_off_by_the_deadline(
    isolation: Isolation, patient: None
) -> None:
    """In Pyodide only: WASI has no call that makes a pipe."""
    code = "import os\nos.read(os.pipe()[0], 1)"

    result = run(code, limits=Limits(wall_seconds=1.5), interpreter="pyodide", isolation=isolation)

    assert result.outcome is Outcome.TIMEOUT
    assert result.error is not None
    assert 'File "<code>", line 2' in result.error.traceback


def test_a_task_of_asyncio_may_put_things_in_order_at_the_deadline(
    options: SandboxOptions, patient: None
) -> None:
    code = """
import asyncio
async def main():
    try:
        await asyncio.sleep(600)
    finally:
        print("in order")
asyncio.run(main())
"""
    result = run(code, limits=Limits(wall_seconds=1.5), **options)

    assert (result.outcome, result.stdout.text) == (Outcome.TIMEOUT, "in order\n")
