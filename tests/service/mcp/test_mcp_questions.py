"""What a client sends on stdin, line by line."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hermetic.mcp.questions import questions_on_stdin


class Client:
    """The other end of stdin."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._writer, data) :]

    def close(self) -> None:
        os.close(self._writer)


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Has a descriptor be the standard input for as long as a test."""
    with open(os.devnull) as file:
        monkeypatch.setattr(sys, "stdin", file)
        yield lambda descriptor: [os.dup2(descriptor, file.fileno()), os.close(descriptor)][1]


@pytest.fixture
def client(stdin: Callable[[int], None]) -> Client:
    client = Client()
    stdin(client.reader)
    return client


async def lines_until_the_end() -> list[str]:
    with questions_on_stdin() as questions:
        assert questions is not None
        return [line async for line in questions]


def test_lines_are_told_apart_however_they_come(client: Client) -> None:
    async def read() -> list[str]:
        with questions_on_stdin() as questions:
            assert questions is not None
            lines = list[str]()
            for piece in (b"one\ntw", b"o\n", b"\nthree\n"):
                client.write(piece)
                lines.append(await anext(questions))
            client.close()
            return lines + [line async for line in questions]

    assert asyncio.run(read()) == ["one", "two", "", "three"]


def test_a_last_line_need_not_end(client: Client) -> None:
    client.write(b"one\ntwo")
    client.close()

    assert asyncio.run(lines_until_the_end()) == ["one", "two"]


def test_a_line_may_be_longer_than_a_pipe(client: Client) -> None:
    async def read() -> list[str]:
        writing = asyncio.create_task(asyncio.to_thread(client.write, b"x" * 3_000_000 + b"\n"))
        with questions_on_stdin() as questions:
            assert questions is not None
            line = await anext(questions)
            await writing
            client.close()
            return [line] + [line async for line in questions]

    assert asyncio.run(read()) == ["x" * 3_000_000]


def test_many_lines_are_read_as_they_are_needed(client: Client) -> None:
    client.write(b"".join(b"%d\n" % number for number in range(5_000)))
    client.close()

    assert asyncio.run(lines_until_the_end()) == [str(number) for number in range(5_000)]


def test_what_is_not_text_is_told_from_it(client: Client) -> None:
    client.write(b"\xff\n")
    client.close()

    assert asyncio.run(lines_until_the_end()) == ["\ufffd"]


def test_nothing_else_reads_stdin_meanwhile(client: Client) -> None:
    async def read() -> tuple[bytes, bytes]:
        with questions_on_stdin():
            meanwhile = os.read(sys.stdin.fileno(), 10)
        client.write(b"later")
        return meanwhile, os.read(sys.stdin.fileno(), 10)

    assert asyncio.run(read()) == (b"", b"later")


def test_a_socket_that_is_stdout_as_well_goes_on_blocking(stdin: Callable[[int], None]) -> None:
    ours, theirs = socket.socketpair()
    ours.sendall(b"one\n")
    ours.shutdown(socket.SHUT_WR)
    stdin(os.dup(theirs.fileno()))

    async def read() -> tuple[list[str], bool]:
        with questions_on_stdin() as questions:
            assert questions is not None
            return [line async for line in questions], os.get_blocking(theirs.fileno())

    with ours, theirs:
        assert asyncio.run(read()) == (["one"], True)


def test_a_client_that_is_lost_has_ended(stdin: Callable[[int], None]) -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(b"never read")
    stdin(theirs.detach())
    ours.close()  # with something unread, which resets the connection

    assert asyncio.run(lines_until_the_end()) == []


def test_a_file_is_left_to_the_sdk(stdin: Callable[[int], None], tmp_path: Path) -> None:
    (tmp_path / "requests").touch()
    stdin(os.open(tmp_path / "requests", os.O_RDONLY))

    async def read() -> object:
        with questions_on_stdin() as questions:
            return questions

    assert asyncio.run(read()) is None
