"""What a client over stdio is answered, whether or not it reads at once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hermetic.mcp.answers import Answers

pytestmark = pytest.mark.anyio
LONG = "ä" * 500_000


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


async def say(answers: Answers, text: str) -> None:
    await answers.write(text)
    await answers.flush()


def read(reader: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += os.read(reader, size - len(data))
    return data


async def test_a_small_answer_is_there_as_soon_as_it_was_said(pipe: tuple[int, int]) -> None:
    await say(Answers(pipe[1]), "hello\n")

    assert os.read(pipe[0], 100) == b"hello\n"


async def test_who_does_not_read_holds_up_nothing_but_its_answers(pipe: tuple[int, int]) -> None:
    answers = Answers(pipe[1])

    async def say_all() -> None:
        await say(answers, LONG)
        await say(answers, "last\n")

    saying = asyncio.create_task(say_all())
    expected = LONG.encode() + b"last\n"
    while not (first := await asyncio.to_thread(os.read, pipe[0], 1)):
        pass
    assert not saying.done()
    assert first + await asyncio.to_thread(read, pipe[0], len(expected) - 1) == expected
    await saying


async def test_a_pipe_that_is_full_is_waited_for(pipe: tuple[int, int]) -> None:
    os.set_blocking(pipe[1], False)
    full = 0
    try:
        while True:
            full += os.write(pipe[1], bytes(4096))
    except BlockingIOError:
        os.set_blocking(pipe[1], True)

    saying = asyncio.create_task(say(Answers(pipe[1]), "last\n"))
    await asyncio.sleep(0)
    assert not saying.done()
    assert (await asyncio.to_thread(read, pipe[0], full + 5)).endswith(b"last\n")
    await saying


async def test_answers_can_go_to_a_file(tmp_path: Path) -> None:
    with (tmp_path / "answers").open("wb") as file:
        await say(Answers(file.fileno()), "hello\n")

    assert (tmp_path / "answers").read_bytes() == b"hello\n"
