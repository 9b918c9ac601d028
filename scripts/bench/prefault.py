"""What it would bring to have a guest's pages copied before it runs. Linux 5.14 and later.

    uv run scripts/bench/prefault.py [--runs 30]

The pages that a program changes are learnt from one run of it. Other guests then run it
from the same snapshot, half of them after these pages were made theirs by
madvise(MADV_POPULATE_WRITE), in turns. "prefault" is what that takes itself: a guest that
waits for its run can do it then, any other one does it in its run's time.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from snapshots import CASES, LIMITS, close_waiting_machines, drop, made_ready

from hermetic_runtime.environments import LoadedEnvironment, load_environment
from hermetic_runtime.guest import Guest
from hermetic_runtime.guest_threads import run_in_guest_thread
from hermetic_runtime.requests import GuestSettings, RunRequest
from hermetic_runtime.sessions.pages import PAGE_BYTES, changed_pages

_MADV_POPULATE_WRITE = 23  # linux/mman.h
_libc = ctypes.CDLL(None, use_errno=True)
_libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


class Measured(NamedTuple):
    """Milliseconds of the thread's processor time, but `wall`; and page faults of the run."""

    prefault: float
    wall: float
    run: float
    faults: float


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=30)
    runs = parser.parse_args().runs
    header = ("pages", "", "prefault", "run", "run, CPU", "faults")
    print(f"{'milliseconds, medians':<32}" + "".join(f"{word:>10}" for word in header))
    for case in CASES:
        environment = load_environment(made_ready(case))
        environment = environment._replace(snapshots=environment.snapshots[:1])
        request = RunRequest(case.code.encode(), limits=LIMITS, capture_value=False)
        run_in_guest_thread(lambda: compare(case.name, environment, request, runs))  # noqa: B023


def compare(name: str, environment: LoadedEnvironment, request: RunRequest, runs: int) -> None:
    pages = list(changed_by_a_run(environment, request))
    with_pages: list[Measured] = []
    without: list[Measured] = []
    for _ in range(runs + 1):
        without.append(measure(environment, request, ()))
        with_pages.append(measure(environment, request, pages))
    count = sum(end - first for first, end in pages)
    for what, rows in (("as it is", without), ("prefaulted", with_pages)):
        medians = [statistics.median(column) for column in zip(*rows[1:], strict=True)]
        print(
            f"{name:<32}{count:>10}{what:>11}"
            + "".join(f"{value:>10.2f}" for value in medians[:3])
            + f"{medians[3]:>10.0f}"
        )


def changed_by_a_run(
    environment: LoadedEnvironment, request: RunRequest
) -> Iterator[tuple[int, int]]:
    """(first page, end) of what one run changed."""
    guest = booted(environment)
    try:
        before = bytes(guest._instance.map_memory())
        guest.run(request)
        after = bytes(guest._instance.map_memory())
    finally:
        guest.close()
    for first, contents in changed_pages(memoryview(after), memoryview(before)):
        yield first, first + len(contents) // PAGE_BYTES


def measure(
    environment: LoadedEnvironment, request: RunRequest, pages: Sequence[tuple[int, int]]
) -> Measured:
    guest = booted(environment)
    try:
        began = time.thread_time()
        prefault(guest, pages)
        ready, wall, faults = time.thread_time(), time.perf_counter(), page_faults()
        guest.run(request)
        end = time.thread_time()
        return Measured(
            (ready - began) * 1e3,
            (time.perf_counter() - wall) * 1e3,
            (end - ready) * 1e3,
            page_faults() - faults,
        )
    finally:
        guest.close()


def prefault(guest: Guest, pages: Sequence[tuple[int, int]]) -> None:
    address = ctypes.addressof(ctypes.c_char.from_buffer(guest._instance.map_memory()))
    for first, end in pages:
        start, size = address + first * PAGE_BYTES, (end - first) * PAGE_BYTES
        if _libc.madvise(start, size, _MADV_POPULATE_WRITE):
            raise SystemExit(f"madvise: {os.strerror(ctypes.get_errno())}")


def booted(environment: LoadedEnvironment) -> Guest:
    """On a new machine, whose pages nobody has touched."""
    close_waiting_machines(environment)
    guest = Guest(environment, GuestSettings(LIMITS), deliver=drop, request_input=lambda: None)
    guest.boot()
    return guest


def page_faults() -> int:
    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt


if __name__ == "__main__":
    main()
