"""What a guest process sends: output in batches, everything else at once."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from hermetic_runtime.processes.messages_from_guest import Output
from hermetic_runtime.processes.messages_to_guest import CHUNK_BYTES
from hermetic_runtime.processes.protocol import Message, encode

BATCH_BYTES = 32 * 1024
BATCH_SECONDS = 0.005


class Outbox:
    """Sends the messages of a guest process; its two threads share it.

    Output that comes after a quiet moment leaves at once, so that a lone `print` is
    seen immediately. Output that comes right after other output waits up to
    `BATCH_SECONDS` for company; `wake` then asks the main thread to call `flush_due`.
    Any other message is preceded by the output that was written before it. Output that
    nobody follows waits for the main thread, or for what is sent next: most runs have
    ended by then, and their callers are woken once.
    """

    def __init__(self, connection: socket.socket, wake: Callable[[], None]) -> None:
        self._send = connection.sendall
        self._wake = wake
        self._lock = threading.Lock()
        self._stream = ""
        self._pending = bytearray()
        self._last_sent = float("-inf")
        self._holds = False

    def begin_run(self, *, followed: bool) -> None:
        """From here on output is that of this run."""
        self._holds = not followed

    def deliver(self, stream: str, data: bytes) -> None:
        """Send output now or soon. Blocks while the caller's process is slower."""
        with self._lock:
            if stream != self._stream:
                self._flush()
                self._stream = stream
            was_empty = not self._pending
            self._pending += data
            is_due = not self._holds and time.monotonic() - self._last_sent >= BATCH_SECONDS
            if is_due or len(self._pending) >= BATCH_BYTES:
                self._flush()
            elif was_empty:
                self._wake()

    @contextmanager
    def muted(self) -> Generator[None]:
        """Everything is as always, but nothing is sent, and nothing is left to be sent later."""
        send, self._send = self._send, _drop
        try:
            yield
        finally:
            with self._lock:
                self._pending.clear()
                self._last_sent = float("-inf")
                self._send = send

    def send(self, message: Message) -> None:
        self.send_frame(encode(message))

    def send_frame(self, frame: bytes) -> None:
        with self._lock:
            self._flush(frame)

    def flush_due(self) -> float | None:
        """Send output that has waited long enough; seconds until there will be some.

        Never waits for a thread that is sending: what it sends includes this output.
        """
        if not self._lock.acquire(blocking=False):
            return BATCH_SECONDS
        try:
            self._holds = False
            if not self._pending:
                return None
            wait = self._last_sent + BATCH_SECONDS - time.monotonic()
            if wait > 0:
                return wait
            self._flush()
            return None
        finally:
            self._lock.release()

    def _flush(self, following: bytes = b"") -> None:
        """Send what is pending, and a frame that follows it in the same breath."""
        data, self._pending = bytes(self._pending), bytearray()
        if data:
            self._last_sent = time.monotonic()
        for start in range(0, len(data), CHUNK_BYTES):
            frame = encode(Output(self._stream, data[start : start + CHUNK_BYTES]))
            if start + CHUNK_BYTES >= len(data):
                frame, following = frame + following, b""
            self._send(frame)
        if following:
            self._send(following)


def _drop(_data: bytes) -> None:
    return
