"""Pipes."""

from __future__ import annotations

import threading
import time

import pytest
from kernel_checks import fails_with, new_kernel

from hermetic_runtime.kernel.constants import (
    O_CLOEXEC,
    O_NONBLOCK,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    SEEK_SET,
)
from hermetic_runtime.kernel.errno import Errno
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.stops import DeadlineReached
from hermetic_runtime.kernel.wakeup import Wakeup

CAPACITY = 65_536


def test_what_goes_in_comes_out_in_order(kernel: Kernel) -> None:
    reader, writer = kernel.pipe()
    kernel.write(writer, b"one")
    kernel.write(writer, b"two")

    assert bytes(kernel.read(reader, 4)) == b"onet"
    assert bytes(kernel.read(reader, 4)) == b"wo"


def test_a_closed_writer_is_the_end(kernel: Kernel) -> None:
    reader, writer = kernel.pipe()
    kernel.write(writer, b"x")
    kernel.close(writer)

    assert [bytes(kernel.read(reader, 9)) for _ in range(2)] == [b"x", b""]


def test_a_writer_is_closed_only_with_its_last_duplicate(kernel: Kernel) -> None:
    reader, writer = kernel.pipe(O_NONBLOCK)
    other = kernel.dup(writer)
    kernel.close(writer)
    with fails_with(Errno.EAGAIN):
        kernel.read(reader, 1)

    kernel.close(other)
    assert kernel.read(reader, 1) == b""


def test_a_closed_reader_breaks_the_pipe(kernel: Kernel) -> None:
    reader, writer = kernel.pipe()
    kernel.close(reader)

    with fails_with(Errno.EPIPE):
        kernel.write(writer, b"x")


def test_without_blocking_an_empty_pipe_asks_to_try_again(kernel: Kernel) -> None:
    reader, _ = kernel.pipe(O_NONBLOCK)

    with fails_with(Errno.EAGAIN):
        kernel.read(reader, 1)


def test_without_blocking_a_full_pipe_takes_a_part_and_then_nothing(kernel: Kernel) -> None:
    _, writer = kernel.pipe(O_NONBLOCK)

    assert kernel.write(writer, bytes(CAPACITY + 1)) == CAPACITY
    with fails_with(Errno.EAGAIN):
        kernel.write(writer, b"x")


def test_a_small_write_goes_in_whole_or_not_at_all(kernel: Kernel) -> None:
    reader, writer = kernel.pipe(O_NONBLOCK)
    kernel.write(writer, bytes(CAPACITY - 10))

    with fails_with(Errno.EAGAIN):
        kernel.write(writer, bytes(11))
    kernel.read(reader, 1)
    assert kernel.write(writer, bytes(11)) == 11


def test_waiting_for_oneself_ends_at_the_deadline() -> None:
    wakeup = Wakeup()
    wakeup.deadline = time.monotonic() + 0.01
    kernel = new_kernel(wakeup=wakeup)
    reader, writer = kernel.pipe()

    with pytest.raises(DeadlineReached):
        kernel.read(reader, 1)
    with pytest.raises(DeadlineReached):
        kernel.write(writer, bytes(CAPACITY + 1))


def test_an_interrupt_ends_a_waiting_read() -> None:
    wakeup = Wakeup()
    kernel = new_kernel(wakeup=wakeup)
    reader, _ = kernel.pipe()
    timer = threading.Timer(0.01, wakeup.interrupt)
    timer.start()

    with fails_with(Errno.EINTR):
        kernel.read(reader, 1)
    timer.join()


def test_an_interrupted_write_says_how_far_it_got() -> None:
    wakeup = Wakeup()
    kernel = new_kernel(wakeup=wakeup)
    _, writer = kernel.pipe()
    wakeup.interrupt()

    assert kernel.write(writer, bytes(CAPACITY + 5000)) == CAPACITY


def test_both_ends_can_close_on_exec(kernel: Kernel) -> None:
    assert [kernel.descriptor_flags(fd) for fd in kernel.pipe(O_CLOEXEC)] == [1, 1]


def test_a_pipe_has_no_offset(kernel: Kernel) -> None:
    reader, writer = kernel.pipe()

    for fd in (reader, writer):
        with fails_with(Errno.ESPIPE):
            kernel.seek(fd, 0, SEEK_SET)
    with fails_with(Errno.ESPIPE):
        kernel.pwrite(writer, b"x", 0)
    assert kernel.fstat(reader).mode & 0o170000 == 0o010000


def test_polling_tells_what_the_ends_can_do(kernel: Kernel) -> None:
    reader, writer = kernel.pipe()
    requests = [(reader, POLLIN), (writer, POLLOUT)]
    assert kernel.poll(requests, 0) == [0, POLLOUT]

    kernel.write(writer, bytes(CAPACITY))
    assert kernel.poll(requests, 0) == [POLLIN, 0]

    kernel.close(writer)
    assert kernel.poll([(reader, POLLIN)], 0) == [POLLIN | POLLHUP]
    kernel.read(reader, CAPACITY)
    assert kernel.poll([(reader, 0)], 0) == [POLLHUP]


def test_polling_tells_that_the_reader_is_gone(kernel: Kernel) -> None:
    reader, writer = kernel.pipe()
    kernel.close(reader)

    assert kernel.poll([(writer, POLLOUT)], None) == [POLLERR | POLLOUT]
