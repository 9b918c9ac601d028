"""Progress of work that can't be asked how far it is."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

from hermetic_runtime.preparing import Report


@contextmanager
def passing_time(
    step: str, seconds: float, first: float, last: float, report: Report
) -> Generator[None]:
    """Report by the clock, from the fraction `first` towards `last`, which is nearly reached
    after twice the `seconds` that such work takes on two cores.
    """
    done = threading.Event()

    def tick() -> None:
        start = time.monotonic()
        while True:
            share = 1 - math.exp(-1.5 * (time.monotonic() - start) / seconds)
            report(step, first + (last - first) * share, "")
            if done.wait(0.1):
                return

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
