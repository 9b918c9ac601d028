"""Output that is bounded and input that comes from another thread."""

from __future__ import annotations

import threading

import pytest
from kernel_checks import fails_with, new_kernel

from hermetic_runtime.kernel.constants import O_NONBLOCK
from hermetic_runtime.kernel.errno import Errno
from hermetic_runtime.kernel.stops import OutputExceeded
from hermetic_runtime.kernel.streams import OutputBudget, OutputStream, QueueInput
from hermetic_runtime.kernel.wakeup import Wakeup


def test_output_is_delivered_with_its_name() -> None:
    delivered: list[tuple[str, bytes]] = []
    stream = OutputStream(
        "stderr", OutputBudget(10), lambda name, data: delivered.append((name, data))
    )

    assert stream.write(memoryview(b"hello")) == 5
    assert stream.write(b"") == 0
    assert delivered == [("stderr", b"hello")]


def test_what_fits_is_delivered_before_the_end() -> None:
    delivered: list[bytes] = []
    stream = OutputStream("stdout", OutputBudget(4), lambda _, data: delivered.append(data))

    with pytest.raises(OutputExceeded):
        stream.write(b"hello")
    with pytest.raises(OutputExceeded):
        stream.write(b"x")
    assert delivered == [b"hell"]
    assert stream.truncated


def test_output_that_just_fits_is_whole() -> None:
    stream = OutputStream("stdout", OutputBudget(5), lambda _, __: None)
    stream.write(b"hello")

    assert not stream.truncated


def test_streams_share_a_budget_that_can_be_renewed() -> None:
    budget = OutputBudget(4)
    out = OutputStream("stdout", budget, lambda _, __: None)
    err = OutputStream("stderr", budget, lambda _, __: None)
    out.write(b"abc")
    with pytest.raises(OutputExceeded):
        err.write(b"de")
    assert (out.truncated, err.truncated) == (False, True)

    budget.renew(2)
    assert out.write(b"fg") == 2


def test_input_is_requested_once_for_each_want() -> None:
    requests: list[int] = []
    stream = QueueInput(Wakeup(), lambda: requests.append(1))
    stream.ready()
    stream.ready()
    assert len(requests) == 1

    stream.feed(b"abc")
    assert stream.read(2) == b"ab"
    assert stream.ready()
    assert len(requests) == 1

    assert stream.read(2) == b"c"
    stream.ready()
    assert len(requests) == 2


def test_input_may_be_fed_while_it_is_requested() -> None:
    stream = QueueInput(Wakeup(), lambda: stream.feed(b"now"))

    assert stream.read(10) == b"now"


def test_a_waiting_read_is_woken_by_input_and_by_its_end() -> None:
    pieces = iter([b"one", b"two"])

    def answer() -> None:
        data = next(pieces, None)
        action = stream.end if data is None else lambda: stream.feed(data)
        threading.Timer(0.005, action).start()

    stream = QueueInput(Wakeup(), answer)

    assert [stream.read(10) for _ in range(4)] == [b"one", b"two", b"", b""]


def test_reading_nothing_does_not_wait() -> None:
    assert QueueInput(Wakeup(), lambda: None).read(0) == b""


def test_an_interrupt_ends_a_read_and_loses_no_input() -> None:
    wakeup = Wakeup()
    stream = QueueInput(wakeup, wakeup.interrupt)
    with fails_with(Errno.EINTR):
        stream.read(1)

    stream.feed(b"x")
    assert stream.read(1) == b"x"


def test_input_without_blocking_asks_to_try_again() -> None:
    wakeup = Wakeup()
    kernel = new_kernel(stdin=QueueInput(wakeup, lambda: None), wakeup=wakeup)
    kernel.set_status_flags(0, O_NONBLOCK)

    with fails_with(Errno.EAGAIN):
        kernel.read(0, 1)


def test_renewed_input_forgets_what_was_left_and_that_it_ended() -> None:
    requests: list[int] = []
    stream = QueueInput(Wakeup(), lambda: requests.append(1))
    stream.feed(b"left over")
    stream.end()
    stream.renew()

    assert not stream.ready()
    assert requests == [1]
