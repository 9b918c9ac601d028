"""How cost grows: with callers of the service, with the heap of a session, with sandboxes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack

from plotting import Plot
from tables import median_ms
from worker import proportional_bytes

from hermetic import Sandbox, Session
from service import measure, service

CALLERS = (1, 2, 4, 8, 16, 32)
HEAP_MEBIBYTES = (0, 25, 50, 100, 200)
LIVE = (1, 10, 25, 50, 100)


def plots(rounds: int) -> Iterator[tuple[Plot, str]]:
    """Each with the name of its file."""
    yield with_callers(runs=rounds * 20), "cost-and-load"
    yield with_heap(rounds), "cost-and-heap"
    yield with_sandboxes(), "cost-and-sandboxes"


def with_callers(runs: int) -> Plot:
    """Runs over HTTP: each a fresh process that prints one line."""
    rates: list[float] = []
    medians: list[float] = []
    with service() as (url, _):
        asyncio.run(measure(url, 50, 4))
        for callers in CALLERS:
            began = time.perf_counter()
            times = sorted(asyncio.run(measure(url, runs, callers)))
            rates.append(len(times) / (time.perf_counter() - began))
            medians.append(times[len(times) // 2] * 1000)
    return Plot(
        "callers of the service at once",
        CALLERS,
        {"runs a second": rates, "median ms from request to answer": medians},
    )


def with_heap(rounds: int) -> Plot:
    """A session whose variables are random bytes, the worst case: nothing of them compresses."""
    kept, woken, forked = (
        list(times)
        for times in zip(*(of_heap(each, rounds) for each in HEAP_MEBIBYTES), strict=True)
    )
    return Plot(
        "MiB of variables in a session",
        HEAP_MEBIBYTES,
        {"ms for a run, state kept": kept, "ms with waking": woken, "ms to fork": forked},
    )


def of_heap(mebibytes: int, rounds: int) -> tuple[float, float, float]:
    """Milliseconds of a run, of one that wakes the session first, and of a fork."""
    rounds = min(rounds, 5)
    children: list[str] = []
    with Session.create() as session:
        session.run(f"import os; heap = os.urandom({mebibytes} << 20)")

        def run_asleep() -> None:
            session.hibernate()
            session.run("1")

        kept = median_ms(lambda: session.run("1"), rounds)
        woken = median_ms(run_asleep, rounds)
        forked = median_ms(lambda: children.append(session.fork().id), rounds)
        for child in children:
            with Session.open(child) as each:
                each.delete()
        session.delete()
    return kept, woken, forked


def with_sandboxes() -> Plot:
    """Live sandboxes, each in a process of its own, that have run once."""
    starts: list[float] = []
    mebibytes: list[float] = []
    with ExitStack() as stack:
        live = 0
        before = proportional_bytes()
        for wanted in LIVE:
            began = time.perf_counter()
            for _ in range(wanted - live):
                stack.enter_context(Sandbox()).run("x = 1")
            starts.append((time.perf_counter() - began) / (wanted - live) * 1000)
            live = wanted
            mebibytes.append((proportional_bytes() - before) / 2**20)
    return Plot(
        "live sandboxes", LIVE, {"ms to start one more": starts, "MiB, all together": mebibytes}
    )
