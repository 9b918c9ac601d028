"""Guests start from snapshots; nothing that should differ is frozen in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sandbox_options import SandboxOptions
from wasi_guests import wasi_directory

from hermetic_runtime.environments import Environment, load_environment
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.preparation import prepare
from hermetic_runtime.prepared import SNAPSHOTS
from hermetic_runtime.preparing_snapshots import prepare_snapshots
from hermetic_runtime.reported import Outcome
from hermetic_runtime.sandbox import Isolation, Sandbox, run
from hermetic_runtime.snapshots.stored import MEMORY


def values_of(code: str, times: int, options: SandboxOptions) -> list[object]:
    results = [run(code, **options) for _ in range(times)]
    assert {result.outcome for result in results} == {Outcome.OK}
    return [result.value.json if result.value else None for result in results]


@pytest.mark.parametrize(
    "code",
    [
        "import random; random.random()",
        "import uuid; str(uuid.uuid4())",
        "import secrets; secrets.token_hex()",
        "import os; os.urandom(16).hex()",
        "import tempfile; tempfile.mkdtemp()",
    ],
)
def test_what_is_random_differs_from_guest_to_guest(code: str, options: SandboxOptions) -> None:
    values = values_of(code, 3, options)

    assert len(set(values)) == 3


def test_hash_seeds_vary_over_a_few_snapshots(options: SandboxOptions) -> None:
    assert len(set(values_of("hash('abc')", 24, options))) > 1


def test_the_variables_of_the_sandbox_reach_the_guest(options: SandboxOptions) -> None:
    code = "import os; os.environ['A'], os.getenv('HOME')"

    result = run(code, env={"A": "é"}, **options)

    assert result.value is not None
    assert result.value.repr == "('é', '/workspace')"


def test_clocks_that_count_go_on_and_never_start_below_zero(options: SandboxOptions) -> None:
    code = "import time; [time.monotonic() > 0, time.process_time() > 0, time.perf_counter() > 0]"

    assert values_of(code, 2, options) == [[True, True, True]] * 2


def test_the_calendar_is_that_of_the_present(options: SandboxOptions) -> None:
    import time

    before = time.time()
    [moment] = values_of("import time; time.time()", 1, options)

    assert isinstance(moment, float)
    assert before <= moment <= time.time()


def test_nothing_of_one_guest_is_found_by_the_next(options: SandboxOptions) -> None:
    leave = """
import json, os, sys, builtins
json.left = builtins.left = sys.left = os.environ["LEFT"] = "x"
open("/tmp/left", "w").write("x")
open("/workspace/left", "w").write("x")
sys.path.append("/left")
"""
    look = """
import builtins, json, os, sys
[hasattr(json, "left"), hasattr(builtins, "left"), hasattr(sys, "left"), "LEFT" in os.environ,
 "left" in os.listdir("/tmp"), os.listdir("/workspace"), "/left" in sys.path]
"""
    assert run(leave, **options).ok

    assert values_of(look, 1, options) == [[False, False, False, False, False, [], False]]


def test_many_sandboxes_of_one_snapshot_don_t_disturb_each_other() -> None:
    sandboxes = [Sandbox() for _ in range(8)]
    for number, sandbox in enumerate(sandboxes):
        sandbox.run(f"import json; json.number = {number}")
    for sandbox in sandboxes[::2]:
        sandbox.close()

    left = [sandbox.run("json.number").value for sandbox in sandboxes[1::2]]

    assert [value.json for value in left if value] == [1, 3, 5, 7]
    for sandbox in sandboxes:
        sandbox.close()


@pytest.mark.parametrize("directory", [prepare, wasi_directory])
def test_the_memory_that_a_run_can_take_is_not_on_disk(directory: Callable[[], Path]) -> None:
    folder = directory() / SNAPSHOTS
    environment = load_environment(Environment(directory(), snapshots=folder))
    places = sorted(folder.glob("*/"))

    for place, snapshot in zip(places, environment.snapshots, strict=True):
        assert (place / MEMORY).stat().st_size < snapshot.memory_bytes - 7 * MIB


def test_a_guest_with_little_memory_still_gets_a_memory_error(options: SandboxOptions) -> None:
    result = run("b = bytearray(10**9)", limits=Limits(memory_bytes=64 * 1024**2), **options)

    assert result.outcome is Outcome.MEMORY


def test_memory_below_that_of_the_snapshots_boots_without_them(isolation: Isolation) -> None:
    code = "import numpy\nnumpy.arange(4).sum()"
    metering = "none" if isolation == "process" else "epoch"
    environment = Environment(wasi_directory(metering))
    prepare_snapshots(environment, ["numpy", "pandas"], lambda *_: None)
    script = f"# /// script\n# tool.hermetic.preload = ['numpy', 'pandas']\n# ///\n{code}"

    with_all, with_little = (
        run(script, limits=limits, interpreter="wasi", isolation=isolation)
        for limits in (Limits(), Limits(memory_bytes=56 * MIB))
    )

    assert with_all.usage.peak_memory_bytes > 56 * MIB
    assert with_little.usage.peak_memory_bytes <= 56 * MIB
    assert with_little.value == with_all.value
