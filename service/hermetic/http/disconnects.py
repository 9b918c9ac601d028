"""Callers who hang up before they have their answer."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

from starlette.types import Receive

from hermetic.submitted_run import SubmittedRun

_UNWATCHED_SECONDS = 0.02
"""Most runs have ended by then, and need nobody to listen for a disconnect."""


async def wait_until_gone(receive: Receive) -> None:
    """Until the caller has closed the connection. The body must have been read."""
    while (await receive())["type"] != "http.disconnect":
        pass


@contextmanager
def cancelled_when_gone(run: SubmittedRun, receive: Receive) -> Generator[None]:
    """Cancel `run` when its caller has gone, and when this is left before the run has ended."""
    watching: list[asyncio.Task[None]] = []

    def watch() -> None:
        watching.append(task := asyncio.create_task(wait_until_gone(receive)))
        task.add_done_callback(lambda _: run.cancel())

    later = asyncio.get_running_loop().call_later(_UNWATCHED_SECONDS, watch)
    try:
        yield
    finally:
        run.cancel()
        later.cancel()
        for task in watching:
            task.cancel()
