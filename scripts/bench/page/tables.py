"""Tables of Markdown, and times of actions."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable


def table(header: list[str], rows: Iterable[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def median_ms(action: Callable[[], object], rounds: int) -> float:
    """After one time that does not count."""
    times: list[float] = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:]) * 1000
