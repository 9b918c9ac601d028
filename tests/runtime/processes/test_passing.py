"""Bytes and descriptors from a Unix socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from hermetic_runtime.processes.passing import receive


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    with near, far:
        yield near, far


def test_descriptors_come_beside_the_bytes(sockets: tuple[socket.socket, socket.socket]) -> None:
    near, far = sockets
    with open(os.devnull, "rb") as file:
        socket.send_fds(far, [b"words"], [file.fileno(), file.fileno()])

        data, descriptors = receive(near, 100, 2)

        assert data == b"words"
        assert [os.fstat(each).st_rdev for each in descriptors] == [
            os.fstat(file.fileno()).st_rdev
        ] * 2
    for descriptor in descriptors:
        os.close(descriptor)


def test_programs_that_are_executed_do_not_inherit_them(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    near, far = sockets
    socket.send_fds(far, [b"x"], [far.fileno()])

    _, [descriptor] = receive(near, 100, 1)

    assert not os.get_inheritable(descriptor)
    os.close(descriptor)


def test_more_descriptors_than_are_taken_are_dropped(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    near, far = sockets
    socket.send_fds(far, [b"x"], [far.fileno()] * 5)

    _, descriptors = receive(near, 100, 1)

    assert len(descriptors) <= 2  # the room for one is rounded up (CMSG_SPACE, cmsg(3))
    for descriptor in descriptors:
        os.close(descriptor)


def test_nothing_is_waited_for_when_that_is_asked(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    with pytest.raises(BlockingIOError):
        receive(sockets[0], 100, 1, socket.MSG_DONTWAIT)


def test_the_end_is_no_bytes(sockets: tuple[socket.socket, socket.socket]) -> None:
    near, far = sockets
    far.close()

    assert receive(near, 100, 1) == (b"", [])
