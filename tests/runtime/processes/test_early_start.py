"""A zygote's process that is started before all else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from conditions import comes_true
from process_lists import await_gone, is_guest_side

import hermetic_runtime
from hermetic_runtime.processes.early_start import start_ahead, take_started
from hermetic_runtime.processes.zygote_process import ZygoteProcess

SLOW = ("enum", "signal", "socket", "threading", "typing", "contextlib")


def test_nothing_slow_is_imported_for_it() -> None:
    code = (
        f"import sys; sys.path += {[str(Path(hermetic_runtime.__file__).parents[1])]!r}; "
        "from hermetic_runtime.processes import early_start; "
        f"print([name for name in {SLOW!r} if name in sys.modules])"
    )

    ended = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)

    assert (ended.stdout, ended.stderr) == ("[]\n", "")


def test_it_is_put_to_use_once() -> None:
    start_ahead()
    started = take_started()

    assert started is not None
    assert take_started() is None
    # What starts it goes on before the system says what it is.
    assert comes_true(lambda: is_guest_side(started.pid))
    ZygoteProcess(started).close()
    assert not await_gone({started.pid})


def test_a_second_one_is_not_started_beside_it() -> None:
    start_ahead()
    start_ahead()
    started = take_started()

    assert started is not None
    assert take_started() is None
    ZygoteProcess(started).close()


def test_a_fork_of_this_process_does_not_have_it() -> None:
    start_ahead()
    if not (fork := os.fork()):
        os._exit(take_started() is not None)

    _, status = os.waitpid(fork, 0)

    assert status == 0
    started = take_started()
    assert started is not None
    ZygoteProcess(started).close()
