"""Runs that end before it would pay to have a thread wait for them."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Protocol

from hermetic_runtime.driver import BegunRun

QUICK_SECONDS = 0.02
"""A run that takes longer gets a thread, which minds its deadlines."""


class CarryOn(Protocol):
    def __call__(self, *, has_ended: bool) -> None: ...


def await_end(begun: BegunRun, carry_on: CarryOn) -> None:
    """Call `carry_on` once, in the event loop: when the run has ended, or when it takes longer
    than most, or needs more than to be looked at.
    """
    if not begun.needs_only_looks:
        carry_on(has_ended=False)
        return
    loop, descriptor = asyncio.get_running_loop(), begun.fileno()

    def stop(*, has_ended: bool) -> None:
        timer.cancel()
        loop.remove_reader(descriptor)
        carry_on(has_ended=has_ended)

    def look() -> None:
        if begun.look():
            stop(has_ended=True)
        elif not begun.needs_only_looks:
            stop(has_ended=False)

    loop.add_reader(descriptor, look)
    timer = loop.call_later(QUICK_SECONDS, partial(stop, has_ended=False))
