"""Sessions whose guest lives in the calling process, and sessions for asyncio."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hermetic_runtime.async_session import AsyncSession
from hermetic_runtime.errors import InvalidInput, SessionNotFound
from hermetic_runtime.limits import Limits
from hermetic_runtime.reported import Outcome
from hermetic_runtime.results import RunResult
from hermetic_runtime.sessions.session import Session

pytestmark = pytest.mark.usefixtures("directory")


def shown(result: RunResult) -> object:
    assert result.outcome is Outcome.OK, result
    assert result.value is not None
    return result.value.json


def test_a_shared_session_keeps_variables_and_files() -> None:
    with Session.create(isolation="shared") as session:
        session.run("x = 41; open('a', 'w').write('1')")
        session.hibernate()

        assert shown(session.run("[x + 1, open('a').read()]")) == [42, "1"]


def test_a_shared_session_falls_back_after_a_timeout() -> None:
    with Session.create(isolation="shared") as session:
        session.run("x = 1")

        lost = session.run("x = 2\nwhile True: pass", limits=Limits(wall_seconds=0.2))

        assert (lost.outcome, lost.session_restored) == (Outcome.TIMEOUT, True)
        assert shown(session.run("x")) == 1


def test_a_shared_session_can_be_opened_in_a_process_and_back() -> None:
    with Session.create("main", isolation="shared") as session:
        session.run("x = 1")
    with Session.open("main") as session:
        session.run("x += 1")
    with Session.open("main", isolation="shared") as session:
        assert shown(session.run("x")) == 2


def test_a_session_made_for_a_process_can_t_be_opened_shared() -> None:
    Session.create("main").close()

    with pytest.raises(InvalidInput, match="a process of its own"):
        Session.open("main", isolation="shared")


def test_an_isolation_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidInput, match="isolation must be"):
        Session.create(isolation="none")  # pyright: ignore[reportArgumentType]


def test_an_async_session_does_what_a_session_does() -> None:
    async def use() -> list[object]:
        async with await AsyncSession.create("main") as session:
            await session.wake()
            await session.run("x = n", inputs={"n": 1})
            await session.checkpoint("one")
            await session.fork("copy")
            await session.files.put("a", b"abc")
            await session.run("x = 2")
            seen = [shown(await session.run("[x, open('a').read()]"))]
            await session.restore("one")
            await session.drop_checkpoint("one")
            seen.append(await session.checkpoints())
            seen.append(shown(await session.run("x")))
            seen.append([file.path for file in await session.files.list()])
        async with await AsyncSession.open("copy") as copy:
            seen.append(shown(await copy.run("x")))
            await copy.delete()
        return seen

    assert asyncio.run(use()) == [[2, "abc"], [], 1, [], 1]


def test_output_of_an_async_session_comes_in_the_loop_s_thread() -> None:
    async def use() -> list[bytes]:
        came: list[bytes] = []

        def take(_: str, data: bytes) -> None:
            assert asyncio.get_running_loop()
            came.append(data)

        async with await AsyncSession.create() as session:
            await session.run("print('abc')", on_output=take)
        return came

    assert b"".join(asyncio.run(use())) == b"abc\n"


def test_cancelling_a_task_leaves_the_session_as_it_was() -> None:
    async def use() -> object:
        async with await AsyncSession.create() as session:
            await session.run("x = 1")
            begun = asyncio.Event()

            def notice(*_: object) -> None:
                begun.set()

            task = asyncio.create_task(
                session.run(
                    "x = 2; print('begun', flush=True)\nwhile True: pass",
                    on_output=notice,
                )
            )
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return shown(await session.run("x"))

    assert asyncio.run(use()) == 1


def test_opening_what_is_not_there_is_an_error_in_the_task(directory: Path) -> None:
    async def use() -> None:
        await AsyncSession.open("nothing", directory=directory)

    with pytest.raises(SessionNotFound):
        asyncio.run(use())
