"""A fork of a process that has one thread."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="zygotes are of Linux")


def output_of(code: str) -> str:
    """In a process of its own, because this one has threads."""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return ended.stdout


def test_the_parent_gets_the_id_of_its_child_and_the_child_none() -> None:
    code = """
import os
from hermetic_runtime.processes.forking import LoneFork
fork = LoneFork()
pid = fork()
if pid == 0:
    os._exit(os.getppid() % 200)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == os.getpid() % 200)
"""
    assert output_of(code) == "True\n"


def test_threads_locks_and_signals_work_in_the_child() -> None:
    code = """
import os, queue, signal, threading
from hermetic_runtime.processes.forking import LoneFork
fork = LoneFork()
pid = fork()
if pid == 0:
    results = queue.Queue()
    thread = threading.Thread(target=lambda: results.put(threading.get_ident()))
    thread.start()
    thread.join()
    caught = []
    signal.signal(signal.SIGUSR1, lambda *_: caught.append(1))
    signal.raise_signal(signal.SIGUSR1)
    import colorsys  # takes the import lock
    os._exit(7 if results.get() != threading.get_ident() and caught else 1)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    assert output_of(code) == "7\n"


def test_a_fork_that_is_refused_is_an_error_with_its_number() -> None:
    code = """
import errno, os, resource
from hermetic_runtime.processes.forking import LoneFork
fork = LoneFork()
os.setgid(65534)
os.setuid(65534)
resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
try:
    if fork() == 0:
        os._exit(0)
except OSError as error:
    print(error.errno == errno.EAGAIN)
"""

    if os.getuid() != 0:
        pytest.skip("only root can become a user without processes of its own")
    assert output_of(code) == "True\n"
