"""How long a caller waits: at a given rate of runs, for the first output, and over MCP.

    uv run scripts/bench/latency.py [--seconds 10] [--rates 10 25 50] [--rounds 100] [--shared]

Starts the services for itself. Runs come at even intervals, whether or not those before
them have ended; what is late because the machine is busy counts as well. The first output
is that of a stream of events, from the guest's own clock at the print to the caller's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import selectors
import tempfile
import time
from pathlib import Path

import httpx2
from callers import BODY, Caller
from mcp import Client, StdioServerParameters

from service import HERMETIC, measure, quantiles, service

_GAPS = (0.0, 0.1)
_CLOCK = "import time; print(time.time(), flush=True); time.sleep(0.05)"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rates", type=float, nargs="+", default=[10, 25, 50])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--shared", action="store_true")
    options = parser.parse_args()
    with service(arguments=["--shared"] if options.shared else []) as (url, _):
        asyncio.run(measure(url, 50, 4))
        for rate in options.rates:
            with asyncio.Runner(loop_factory=_precise_loop) as runner:
                times = runner.run(paced(url, rate, options.seconds))
            show(f"{rate:g} runs a second", times)
        show("first output after the print", first_outputs(url, options.rounds))
    for gap in _GAPS:
        name = f"MCP over stdio, {gap * 1e3:g} ms between calls"
        show(name, asyncio.run(over_mcp(options.rounds, gap)))


def show(name: str, times: list[float]) -> None:
    median, last = (1e3 * each for each in quantiles(times))
    print(f"{name:<36} p50 {median:>7.2f} ms   p99 {last:>7.2f} ms", flush=True)


def _precise_loop() -> asyncio.AbstractEventLoop:
    """One whose timers are not rounded up to the milliseconds of epoll_wait(2), which would
    count as waiting.
    """
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


async def paced(url: str, rate: float, seconds: float) -> list[float]:
    """Seconds of each run, from the moment that it was due."""
    times: list[float] = []
    waiting: list[Caller] = []
    async with asyncio.TaskGroup() as tasks:
        began = time.perf_counter()

        async def call(due: float) -> None:
            caller = waiting.pop() if waiting else await Caller.connect(url)
            await caller.run()
            times.append(time.perf_counter() - due)
            waiting.append(caller)

        for number in range(round(rate * seconds)):
            due = began + number / rate
            await asyncio.sleep(due - time.perf_counter())
            tasks.create_task(call(due))
    for caller in waiting:
        caller.close()
    return times


def first_outputs(url: str, rounds: int) -> list[float]:
    """Seconds from a print in the guest until its text is here."""
    times: list[float] = []
    headers = {"Accept": "text/event-stream"}
    with httpx2.Client(base_url=url, timeout=60) as client:
        for _ in range(rounds):
            with client.stream("POST", "/v1/run", json={"code": _CLOCK}, headers=headers) as answer:
                for line in answer.iter_lines():
                    if line.startswith("data: ") and "text" in (
                        data := json.loads(line.removeprefix("data: "))
                    ):
                        times.append(time.time() - float(data["text"]))
                        break
    return times


async def over_mcp(rounds: int, gap: float = 0.0) -> list[float]:
    """Seconds of each call of the tool. A client that has a model think between its calls
    leaves a `gap`.
    """
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"HERMETIC_DATA_DIRECTORY": str(Path(folder) / "data")}
        server = StdioServerParameters(command=HERMETIC, args=["mcp"], env=environment)
        async with Client(server) as client:
            for number in range(rounds + 10):
                began = time.perf_counter()
                answer = await client.call_tool("python_execute", BODY)
                spent = time.perf_counter() - began
                assert not answer.is_error, answer
                await asyncio.sleep(gap)
                if number >= 10:
                    times.append(spent)
    return times


if __name__ == "__main__":
    main()
