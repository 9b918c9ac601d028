"""Bytes from a Unix socket, with the descriptors that were passed beside them."""

from __future__ import annotations

import array
import socket

_CLOSED_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


def receive(
    connection: socket.socket, size: int, most_descriptors: int, flags: int = 0
) -> tuple[bytes, list[int]]:
    """At most `size` bytes; the descriptors are not inherited by programs that are executed.

    Not `socket.recv_fds`, which takes flags and does not use them (CPython 3.11 to 3.13).
    Raises OSError: BlockingIOError if nothing is there and `flags` have MSG_DONTWAIT.
    """
    room = socket.CMSG_LEN(most_descriptors * array.array("i").itemsize)
    data, beside, _, _ = connection.recvmsg(size, room, flags | _CLOSED_ON_EXEC)
    descriptors = array.array("i")
    for level, kind, content in beside:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            whole = len(content) - len(content) % descriptors.itemsize
            descriptors.frombytes(content[:whole])
    return data, descriptors.tolist()
