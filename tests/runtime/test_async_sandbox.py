"""A sandbox for asyncio: runs, output and cancellation in an event loop."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest
from sandbox_options import SandboxOptions

from hermetic_runtime.async_sandbox import AsyncSandbox, run_async
from hermetic_runtime.errors import InvalidInput, SandboxClosed
from hermetic_runtime.reported import Outcome


def test_a_run_gives_its_result(options: SandboxOptions) -> None:
    result = asyncio.run(run_async("print(input())", stdin="abc", **options))

    assert (result.outcome, result.stdout.text) == (Outcome.OK, "abc\n")


def test_the_event_loop_goes_on_while_a_guest_runs(options: SandboxOptions) -> None:
    """A guest waits for what the loop writes only when it has taken a few turns."""

    async def main() -> str:
        reader, writer = os.pipe()
        with open(reader, "rb") as stdin:
            task = asyncio.create_task(run_async("print(input())", stdin=stdin, **options))
            for _ in range(3):
                await asyncio.sleep(0.01)
                assert not task.done()
            os.write(writer, b"turns\n")
            os.close(writer)
            return (await task).stdout.text

    assert asyncio.run(main()) == "turns\n"


def test_output_comes_in_the_loops_thread_and_in_order(options: SandboxOptions) -> None:
    seen: list[bytes] = []
    threads = set[int]()

    def take(_: str, data: bytes) -> None:
        seen.append(data)
        threads.add(threading.get_ident())

    result = asyncio.run(run_async("for i in range(100): print(i)", on_output=take, **options))

    assert b"".join(seen).decode() == result.stdout.text
    assert threads == {threading.get_ident()}


def test_state_stays_from_run_to_run(options: SandboxOptions) -> None:
    async def main() -> str:
        async with AsyncSandbox(**options) as sandbox:
            await sandbox.start()
            await sandbox.run("x = 5")
            return (await sandbox.run("print(x)")).stdout.text

    assert asyncio.run(main()) == "5\n"


def test_many_runs_go_on_together() -> None:
    async def main() -> list[str]:
        results = await asyncio.gather(*(run_async(f"print({i})") for i in range(10)))
        return [result.stdout.text for result in results]

    assert asyncio.run(main()) == [f"{i}\n" for i in range(10)]


def test_cancelling_the_task_ends_the_guest(options: SandboxOptions) -> None:
    async def main() -> None:
        started = asyncio.Event()
        sandbox = AsyncSandbox(**options)
        task = asyncio.create_task(
            sandbox.run("print(1)\nwhile True: pass", on_output=lambda *_: started.set())
        )
        await started.wait()

        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task
        assert sandbox.closed
        with pytest.raises(SandboxClosed, match="cancelled"):
            await sandbox.run("1")
        await sandbox.close()

    asyncio.run(main())


def test_a_run_can_be_cancelled_by_name(options: SandboxOptions) -> None:
    async def main() -> Outcome:
        async with AsyncSandbox(**options) as sandbox:
            result = await sandbox.run(
                "print(1)\nwhile True: pass", on_output=lambda *_: sandbox.cancel()
            )
            return result.outcome

    assert asyncio.run(main()) is Outcome.CANCELLED


def test_a_timeout_of_asyncio_ends_the_guest(options: SandboxOptions) -> None:
    async def main() -> None:
        await asyncio.wait_for(run_async("while True: pass", **options), 0.5)

    with pytest.raises(TimeoutError):
        asyncio.run(main())


def test_bad_input_is_raised_in_the_task(options: SandboxOptions) -> None:
    with pytest.raises(InvalidInput):
        asyncio.run(run_async("1", args=["\0"], **options))
