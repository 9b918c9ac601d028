"""What a process for each run costs: started for it, or started ahead and waiting.

    uv run scripts/bench/processes.py [--runs 50]

"start" is the fork, and resuming from the snapshot. Then the process waits, as a spare does.
"output" is the time from the request to the first byte that the guest printed, and "result" to
the end of the run: together what a caller with a spare process waits for. "end" is killing and
reaping. "CPU" is processor time of the run. Milliseconds, medians, and the best of each column.
"""

from __future__ import annotations

import argparse
import statistics
import time

from snapshots import CASES, LIMITS, made_ready

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.environments import Environment
from hermetic_runtime.input_source import open_input
from hermetic_runtime.processes.guest_handle import GuestProcess
from hermetic_runtime.processes.launchers import launcher
from hermetic_runtime.reported import Outcome
from hermetic_runtime.requests import RunRequest

_WAIT_SECONDS = 0.3
"""Long enough for a spare to rehearse, and to use its packages."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    runs = parser.parse_args().runs
    header = ("start", "output", "result", "end", "all", "CPU")
    print(f"{'milliseconds, medians':<32}" + "".join(f"{word:>10}" for word in header))
    for case in CASES:
        environment = made_ready(case)
        request = RunRequest(case.code.encode(), limits=LIMITS, capture_value=False)
        rows = [one_process(environment, request) for _ in range(runs + 2)][2:]
        columns = list(zip(*rows, strict=True))
        for what, values in (
            (case.name, map(statistics.median, columns)),
            ("    the best", map(min, columns)),
        ):
            print(f"{what:<32}" + "".join(f"{value:>10.2f}" for value in values))


def one_process(environment: Environment, request: RunRequest) -> tuple[float, ...]:
    printed: list[float] = []
    output = CapturedOutput(
        LIMITS.output_bytes, lambda _stream, _data: printed.append(time.perf_counter())
    )
    guest = GuestProcess(launcher(environment), LIMITS, {}, ())
    began = time.perf_counter()
    guest.start()
    start = time.perf_counter() - began
    time.sleep(_WAIT_SECONDS)
    asked = time.perf_counter()
    driven = guest.run(request, output, open_input(None))
    reported = time.perf_counter()
    guest.close()
    end = time.perf_counter() - reported
    if driven.report.outcome is not Outcome.OK:
        raise SystemExit(f"the program failed: {driven.report.error}")
    first, result = (printed or [reported])[0] - asked, reported - asked
    cpu = driven.report.usage.cpu_seconds
    return tuple(1e3 * it for it in (start, first, result, end, start + result + end, cpu))


if __name__ == "__main__":
    main()
