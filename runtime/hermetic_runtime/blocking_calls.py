"""Calls that block, made from an event loop that must not be."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

T = TypeVar("T")


class BlockingCalls:
    """Each in a thread of its own: in the loop's pool, runs would starve it."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    async def call(self, function: Callable[[], T], cancel: Callable[[], None]) -> T:
        """What `function` returns or raises.

        When the task is cancelled, `cancel` is called, and the cancellation goes on once
        `function` has ended.
        """
        self._loop = loop = asyncio.get_running_loop()
        ended: asyncio.Future[T] = loop.create_future()

        def work() -> None:
            try:
                settle = partial(ended.set_result, function())
            except BaseException as error:
                settle = partial(ended.set_exception, error)
            with suppress(RuntimeError):  # the loop has closed, and nobody waits
                loop.call_soon_threadsafe(settle)

        threading.Thread(target=work, name="blocking call", daemon=True).start()
        try:
            return await asyncio.shield(ended)
        except asyncio.CancelledError:
            cancel()
            await asyncio.wait([ended])
            ended.exception()
            raise

    def in_loop(self, function: Callable[..., None] | None) -> Callable[..., None] | None:
        """`function` as a thread may call it: it is executed in the event loop's thread."""
        if function is None:
            return None

        def call(*arguments: object) -> None:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(function, *arguments)

        return call
