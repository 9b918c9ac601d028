"""What the operating system itself holds guest processes to. Linux has all of it.

This is the second line: the kernel that the guest sees enforces its limits itself.
"""

from __future__ import annotations

import ctypes
import math
import os
import resource
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.processes.programs import LOG_BYTES

_OPEN_FILES_OF_OURS = 64
_MEMORY_OF_OURS = 512 * MIB
"""More than the largest request and the largest report take, in every form they pass through."""
_DATA_PAGES = 5
"""Which number of /proc/PID/statm is data and stack (proc_pid_statm(5))."""
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_OOM_SCORE = b"500"


def confine_all() -> None:
    """Bounds that hold for this process and for all that it forks from now on."""
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, LOG_BYTES)
    with suppress(OSError), open("/proc/self/oom_score_adj", "wb", buffering=0) as file:
        file.write(_OOM_SCORE)


class Bound(NamedTuple):
    """One of the limits of setrlimit(2), and what it is to be lowered to."""

    limit: int
    value: int


def bounds_of(limits: Limits) -> tuple[Bound, ...]:
    """Of this process, or of a fork that it makes now, with a guest of these limits.

    What it may have written to memory (Linux 4.7, RLIMIT_DATA): what it has now, the guest's
    memory and files, and `_MEMORY_OF_OURS` for what is kept about it. And descriptors: those
    that the guest may open, and a few of ours.
    """
    files = Bound(resource.RLIMIT_NOFILE, limits.open_files + _OPEN_FILES_OF_OURS)
    with suppress(OSError), open("/proc/self/statm", "rb", buffering=0) as file:
        pages = int(file.read(256).split()[_DATA_PAGES])
        of_the_guest = limits.memory_bytes + limits.disk_bytes
        most = pages * resource.getpagesize() + of_the_guest + _MEMORY_OF_OURS
        return files, Bound(resource.RLIMIT_DATA, most)
    return (files,)


def hold_to(bounds: Iterable[Bound], *, lasting: bool = False) -> None:
    """Have the system hold this process to them. Those of a `lasting` process can be moved
    for its next guest.
    """
    for limit, value in bounds:
        _lower(limit, value, lasting=lasting)


def bound_cpu_time(seconds: float) -> None:
    """End this process by SIGXCPU a little after `seconds` more of processor time.

    Only the soft limit is set, because the next run must be able to move it.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = math.ceil(time.process_time() + seconds) + 1
    if hard == resource.RLIM_INFINITY or soft < hard:
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _lower(limit: int, value: int, *, lasting: bool = False) -> None:
    _, hard = resource.getrlimit(limit)
    if hard == resource.RLIM_INFINITY or value < hard:
        resource.setrlimit(limit, (value, hard if lasting else value))


class ParentDeath:
    """Linux only: has the kernel kill a forked process when its parent ends.

    Made before forking, so that the child has nothing to look up.
    """

    def __init__(self) -> None:
        self._parent = os.getpid()
        self._prctl = ctypes.CDLL(None, use_errno=True).prctl

    def kill_with_parent(self) -> None:
        """In the child: from now on it does not outlive its parent."""
        if self._prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
        if os.getppid() != self._parent:
            os._exit(1)
