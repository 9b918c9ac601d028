"""Where a run's stdin comes from. It is read only when the guest asks for more."""

from __future__ import annotations

import io
import os
from typing import BinaryIO, Protocol

from hermetic_runtime.errors import InvalidInput

READ_BYTES = 64 * 1024


class InputSource(Protocol):
    """Bytes on demand."""

    def fileno(self) -> int | None:
        """A descriptor to wait for until it is readable; None when reading never waits."""
        ...

    def read(self) -> bytes:
        """The next bytes, at most `READ_BYTES`; empty at the end.

        Raises `InvalidInput` for what gives something else than bytes, and what a file raises.
        """
        ...


class FileInput:
    """A binary file, whose `read` never waits for long."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def fileno(self) -> int | None:
        return None

    def read(self) -> bytes:
        return _checked(self._file.read(READ_BYTES))


class DescriptorInput:
    """A pipe, a terminal or a socket, read through its descriptor when it is readable."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._descriptor = file.fileno()

    def fileno(self) -> int | None:
        return self._descriptor

    def read(self) -> bytes:
        return os.read(self._descriptor, READ_BYTES)


def open_input(given: bytes | str | BinaryIO | None) -> InputSource:
    """The source for what a caller gives as stdin; None is an empty one.

    Raises `InvalidInput` for anything that is not bytes, text or an open binary file.
    """
    if given is None:
        given = b""
    if isinstance(given, str):
        given = given.encode("utf-8", "surrogateescape")
    if isinstance(given, bytes | bytearray | memoryview):
        return FileInput(io.BytesIO(given))
    if isinstance(given, io.TextIOBase) or not callable(getattr(given, "read", None)):
        raise InvalidInput(
            f"stdin must be bytes, text or a binary file, not {type(given).__name__}",
            hint="A text file's `buffer` attribute, where it has one, is the binary file.",
        )
    return DescriptorInput(given) if _may_wait(given) else FileInput(given)


def _may_wait(file: BinaryIO) -> bool:
    """Whether a file has a descriptor that is not an ordinary file's."""
    try:
        file.fileno()
        return not file.seekable()
    except (AttributeError, OSError, ValueError):
        return False


def _checked(data: object) -> bytes:
    if not isinstance(data, bytes):
        raise InvalidInput(f"stdin gave {type(data).__name__}, not bytes; open it in binary mode")
    return data
