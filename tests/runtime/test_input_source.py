"""Where standard input may come from, and how it is read."""

from __future__ import annotations

import io
import os
import socket
from pathlib import Path

import pytest

from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.input_source import READ_BYTES, open_input


def test_nothing_is_an_empty_source() -> None:
    assert open_input(None).read() == b""


def test_text_is_utf8() -> None:
    assert open_input("é").read() == "é".encode()


def test_large_input_comes_in_bounded_pieces() -> None:
    source = open_input(bytes(READ_BYTES + 1))

    assert [len(source.read()) for _ in range(3)] == [READ_BYTES, 1, 0]


def test_an_ordinary_file_goes_on_where_its_reader_stopped(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"first\nsecond\n")
    with path.open("rb") as file:
        file.readline()

        assert open_input(file).fileno() is None
        assert open_input(file).read() == b"second\n"


def test_a_pipe_is_waited_for_by_its_descriptor() -> None:
    reader, writer = os.pipe()
    with open(reader, "rb") as file, open(writer, "wb", buffering=0) as other:
        source = open_input(file)
        other.write(b"some")

        assert source.fileno() == reader
        assert source.read() == b"some"


def test_a_socket_is_waited_for_by_its_descriptor() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, ours.makefile("rb") as file:
        assert open_input(file).fileno() == ours.fileno()


def test_a_file_that_gives_text_is_refused_when_it_is_read() -> None:
    class Wrong(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return "text"  # type: ignore[return-value]

    with pytest.raises(InvalidInput, match="not bytes"):
        open_input(Wrong()).read()  # type: ignore[arg-type]
