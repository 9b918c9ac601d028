"""Threads that guests run in: their stacks are large, and nothing waits for them at exit."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable
from typing import TypeVar

from hermetic_runtime.compilation import THREAD_STACK_BYTES

T = TypeVar("T")


def start_guest_thread(target: Callable[[], None]) -> threading.Thread:
    """Start a thread whose stack is large enough for a guest."""
    with _stack_size_lock:
        before = threading.stack_size(THREAD_STACK_BYTES)
        try:
            thread = threading.Thread(target=target, name="guest", daemon=True)
            thread.start()
        finally:
            threading.stack_size(before)
    return thread


def detach_guest_thread(target: Callable[[], None]) -> None:
    """Start such a thread with nothing to watch it by, and without waiting until it runs: a
    tenth of the work. What `target` raises is printed.
    """
    with _stack_size_lock:
        before = threading.stack_size(THREAD_STACK_BYTES)
        try:
            _thread.start_new_thread(target, ())
        finally:
            threading.stack_size(before)


_stack_size_lock = threading.Lock()


def run_in_guest_thread(function: Callable[[], T]) -> T:
    """Call `function` in a guest thread and wait; its result, or what it raised."""
    results: list[T] = []
    errors: list[BaseException] = []

    def target() -> None:
        try:
            results.append(function())
        except BaseException as error:
            errors.append(error)

    start_guest_thread(target).join()
    if errors:
        raise errors[0]
    return results[0]
