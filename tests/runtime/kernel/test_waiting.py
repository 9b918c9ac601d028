"""The Wakeup, polling, and what wakes a waiting guest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from kernel_checks import fails_with, new_kernel

from hermetic_runtime.kernel.constants import AT_FDCWD, POLLIN, POLLNVAL, POLLOUT
from hermetic_runtime.kernel.errno import Errno
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.stops import Cancelled, DeadlineReached
from hermetic_runtime.kernel.streams import QueueInput
from hermetic_runtime.kernel.wakeup import Wakeup


def never() -> bool:
    return False


def soon(action: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(0.01, action)
    timer.start()
    return timer


def test_waiting_for_what_is_ready_returns_at_once() -> None:
    assert Wakeup().wait(lambda: True, None)


def test_waiting_ends_with_its_timeout() -> None:
    assert not Wakeup().wait(never, 0.001)


def test_a_notification_makes_it_look_again() -> None:
    wakeup, happened = Wakeup(), threading.Event()

    def happen() -> None:
        happened.set()
        wakeup.notify()

    timer = soon(happen)
    assert wakeup.wait(happened.is_set, None)
    timer.join()


def test_an_interrupt_is_felt_once_and_not_lost() -> None:
    wakeup = Wakeup()
    wakeup.interrupt()

    with fails_with(Errno.EINTR):
        wakeup.wait(never, None)
    assert not wakeup.wait(never, 0)


def test_a_cancellation_lasts() -> None:
    wakeup = Wakeup()
    timer = soon(wakeup.cancel)

    for _ in range(2):
        with pytest.raises(Cancelled):
            wakeup.wait(never, None)
    timer.join()


def test_clearing_forgets_interrupts_and_cancellations() -> None:
    wakeup = Wakeup()
    wakeup.interrupt()
    wakeup.cancel()
    wakeup.clear()

    assert not wakeup.wait(never, 0)


def test_the_deadline_comes_before_a_longer_timeout() -> None:
    wakeup = Wakeup()
    wakeup.deadline = time.monotonic() + 0.001

    with pytest.raises(DeadlineReached):
        wakeup.wait(never, 60)


def test_an_endless_timeout_is_allowed() -> None:
    wakeup = Wakeup()
    timer = soon(wakeup.interrupt)

    with fails_with(Errno.EINTR):
        wakeup.wait(never, 1e300)
    timer.join()


def test_polling_nothing_waits_for_the_timeout(kernel: Kernel) -> None:
    before = time.monotonic()

    assert kernel.poll([], 0.02) == []
    assert time.monotonic() - before >= 0.02


def test_polling_nothing_ends_at_the_deadline() -> None:
    wakeup = Wakeup()
    wakeup.deadline = time.monotonic() + 0.001

    with pytest.raises(DeadlineReached):
        new_kernel(wakeup=wakeup).poll([], None)


def test_files_are_always_ready(kernel: Kernel) -> None:
    fd = kernel.open(AT_FDCWD, b"/", 0, 0)

    assert kernel.poll([(fd, POLLIN | POLLOUT), (1, POLLOUT)], None) == [5, POLLOUT]


def test_polling_a_bad_descriptor_says_so_and_skips_negative_ones(kernel: Kernel) -> None:
    assert kernel.poll([(55, POLLIN), (-1, POLLIN)], None) == [POLLNVAL, 0]


def test_input_from_another_thread_wakes_a_poll() -> None:
    wakeup, wanted = Wakeup(), list[str]()
    stdin = QueueInput(wakeup, lambda: wanted.append("input"))
    kernel = new_kernel(stdin=stdin, wakeup=wakeup)
    assert kernel.poll([(0, POLLIN)], 0) == [0]

    timer = soon(lambda: stdin.feed(b"abc"))
    assert kernel.poll([(0, POLLIN)], None) == [POLLIN]
    assert kernel.read(0, 10) == b"abc"
    assert wanted == ["input"]
    timer.join()
