"""The caller's end of the socket to a guest process: it never blocks."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence

from hermetic_runtime.processes.protocol import Accepted, FrameDecoder, Message, encode

_RECEIVE_BYTES = 128 * 1024


class Channel:
    """Messages out are kept until the socket takes them; messages in are decoded."""

    def __init__(self, connection: socket.socket, accepted: Mapping[int, Accepted]) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._decoder = FrameDecoder(accepted)
        self._outgoing = bytearray()
        self._unread = False

    def fileno(self) -> int:
        return self._connection.fileno()

    @property
    def left_unread(self) -> bool:
        """Whether the other end closed without having read all that was sent.

        A stream socket (unix(7)) says so, by ECONNRESET to who reads and EPIPE to who writes.
        """
        return self._unread

    @property
    def has_outgoing(self) -> bool:
        """Whether `flush` should be called when the socket is writable."""
        return bool(self._outgoing)

    @property
    def is_between_frames(self) -> bool:
        """Whether nothing is left over of what has been received."""
        return self._decoder.is_between_frames

    def send(self, message: Message) -> None:
        self.send_frame(encode(message))

    def send_frame(self, frame: bytes) -> None:
        """Send a message that was encoded before."""
        self._outgoing += frame
        self.flush()

    def send_with_descriptors(self, message: Message, descriptors: Sequence[int]) -> None:
        """Send a message with descriptors beside it, when nothing is waiting to be sent."""
        frame = encode(message)
        sent = socket.send_fds(self._connection, [frame], descriptors) if descriptors else 0
        self._outgoing += frame[sent:]
        self.flush()

    def flush(self) -> None:
        """Send what the socket takes. What a process that has gone can't take is dropped."""
        try:
            while self._outgoing:
                sent = self._connection.send(memoryview(self._outgoing))
                del self._outgoing[:sent]
        except BlockingIOError:
            return
        except ConnectionError:
            self._outgoing.clear()
            self._unread = True

    def receive(self) -> Iterator[Message]:
        """The messages that have come. Raises `ProtocolError`, and EOFError at the end."""
        try:
            data = self._connection.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
            self._unread = True
        if not data:
            raise EOFError
        yield from self._decoder.feed(data)

    def close(self) -> None:
        self._connection.close()
