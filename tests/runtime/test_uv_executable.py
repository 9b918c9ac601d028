"""Where uv is found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hermetic_runtime.uv_executable import uv_executable

_MANY_AT_ONCE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from hermetic_runtime.uv_executable import uv_executable

sys.setswitchinterval(1e-6)
with ThreadPoolExecutor(16) as pool:
    print(len({future.result() for future in [pool.submit(uv_executable) for _ in range(16)]}))
"""


def test_uv_is_where_it_is_said_to_be() -> None:
    assert Path(uv_executable()).is_file()


def test_threads_that_ask_at_once_in_a_new_process_all_get_an_answer() -> None:
    done = subprocess.run([sys.executable, "-c", _MANY_AT_ONCE], capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("1\n", "")
