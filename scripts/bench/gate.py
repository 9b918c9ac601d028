"""What it costs to have a call admitted: counted in a file, and written to the audit log.

    uv run scripts/bench/gate.py [--calls 500] [--redis redis://127.0.0.1:6379/0]

Ratios are to judging alone, in the same run of this script.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hermetic.grants import LOCAL
from hermetic.policy.decisions import Call
from hermetic.policy.gate import Gate
from hermetic.policy.gate_settings import GateSettings
from hermetic.policy.opening import open_gate
from hermetic.policy.policy_judge import PolicyJudge
from hermetic_runtime.reported import Outcome, Usage
from hermetic_runtime.results import RunResult

CALL = Call(tool="run", arguments={"code": "print(6 * 7)"}, grant=LOCAL)
RESULT = RunResult(Outcome.OK, usage=Usage(wall_seconds=0.1, cpu_seconds=0.1))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--redis", default="", help="a Redis to count in as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counted = judge(Path(folder), [{"counter": "calls", "window": "hour", "max": 1_000_000}])
        plain = judge(Path(folder), [])
        settings = GateSettings(data_directory=Path(folder, "data"))
        alone = median(options.calls, lambda: counted.decide(CALL, {}, time.time()))
        print(f"{'what':<42}{'median us':>10}{'p99 us':>10}{'to judging':>12}")
        show("judge, with one counter", alone, alone)
        admit("admit: audit log only", settings, plain, options.calls, alone)
        admit("admit: SQLite counter, audit log", settings, counted, options.calls, alone)
        durable = replace(settings, audit_fsync=True)
        admit("the same, the audit log to the disk", durable, counted, options.calls, alone)
        if options.redis:
            shared = replace(settings, counters=options.redis)
            admit("admit: Redis counter, audit log", shared, counted, options.calls, alone)


def judge(folder: Path, limits: list[dict[str, object]]) -> PolicyJudge:
    path = folder / "policy.json"
    tools = {"run": {"limits": [limit | {"scope": "grant"} for limit in limits]}}
    path.write_text(json.dumps({"version": "1", "default": "deny", "tools": tools}))
    return PolicyJudge.load(path)


def admit(what: str, settings: GateSettings, judge: PolicyJudge, calls: int, alone: Times) -> None:
    with open_gate(settings, lambda: judge) as gate:
        show(what, admitted(gate, calls), alone)


Times = tuple[float, float]


def admitted(gate: Gate, calls: int) -> Times:
    """Of admission alone; what ends the call is not counted."""
    times: list[float] = []
    for _ in range(calls):
        began = time.perf_counter()
        admission = gate.admit(CALL)
        times.append(time.perf_counter() - began)
        admission.carried_out(RESULT)
    return middle_and_tail(times[1:])


def median(calls: int, action: Callable[[], object]) -> Times:
    times: list[float] = []
    for _ in range(calls):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return middle_and_tail(times[1:])


def middle_and_tail(times: list[float]) -> Times:
    """Median and 99th percentile, in seconds."""
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


def show(what: str, times: Times, alone: Times) -> None:
    middle, tail = times
    ratio = middle / alone[0]
    print(f"{what:<42}{middle * 1e6:>10.0f}{tail * 1e6:>10.0f}{ratio:>11.1f}x")


if __name__ == "__main__":
    main()
