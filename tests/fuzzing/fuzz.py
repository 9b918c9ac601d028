"""Random calls and inputs, for as long as they are asked for, as a report.

    scripts/fuzz [--seed 1] [--calls 1000000] [--native-calls 300000] [--streams 5000]
                 [--changes 500] [--scripts 20000] [--modules 5000] [--records 4000]
                 [--answers 2000] [--requests 2000] [--mcp-calls 2000] [--names 5000]
                 [--caches 1000]

The same seed gives the same calls and inputs. Ends with status 1 when something was found;
what is printed then says which seed repeats it alone.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TypeVar

from cached_records import cached_set, hostile_damage
from changes import fault_of_changes, hostile_changes
from file_names import hostile_name, naming_service
from frames import fault_of_stream, hostile_stream
from host_calls import CalledGuest, FuzzedGuest, fuzz_guest
from inputs import fault_of_module, fault_of_script, hostile_module, hostile_script
from mcp_lines import fault_of_client
from native_calls import NativeGuest
from records import fault_of_record, hostile_record
from zygotes import fault_of_answers, fault_of_requests, hostile_answers

_CALLS_OF_A_GUEST = 2000
_REQUESTS_OF_A_ZYGOTE = 100
_CALLS_OF_AN_MCP_CLIENT = 100
_SHOWN_FAULTS = 20
_SEEDS_APART = 10**9
T = TypeVar("T")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--calls", type=int, default=1_000_000, help="of host functions")
    parser.add_argument("--native-calls", type=int, default=300_000, help="through the engine")
    parser.add_argument("--streams", type=int, default=5000, help="of a guest process")
    parser.add_argument("--changes", type=int, default=500, help="lists, of a mounted folder")
    parser.add_argument("--scripts", type=int, default=20_000, help="with a metadata block")
    parser.add_argument("--modules", type=int, default=5000, help="to be translated")
    parser.add_argument("--records", type=int, default=4000, help="policies, states and others")
    parser.add_argument("--answers", type=int, default=2000, help="of zygotes")
    parser.add_argument("--requests", type=int, default=2000, help="to zygotes")
    parser.add_argument("--mcp-calls", type=int, default=2000, help="of MCP, after hostile lines")
    parser.add_argument("--names", type=int, default=5000, help="of files, over HTTP")
    parser.add_argument("--caches", type=int, default=1000, help="with a damaged record")
    options = parser.parse_args()
    first = options.seed * _SEEDS_APART
    found = _report_calls("host functions", first, options.calls, FuzzedGuest)
    found += _report_calls(
        "host functions through the engine", first, options.native_calls, NativeGuest
    )
    found += _report_inputs(
        "streams of frames", first, options.streams, hostile_stream, fault_of_stream
    )
    found += _report_inputs(
        "lists of changes", first, options.changes, hostile_changes, fault_of_changes
    )
    found += _report_inputs("scripts", first, options.scripts, hostile_script, fault_of_script)
    found += _report_inputs("modules", first, options.modules, hostile_module, fault_of_module)
    found += _report_inputs("records", first, options.records, hostile_record, fault_of_record)
    found += _report_inputs(
        "answers of zygotes", first, options.answers, hostile_answers, fault_of_answers
    )
    found += _report_inputs(
        f"times {_REQUESTS_OF_A_ZYGOTE} requests to zygotes",
        first,
        options.requests // _REQUESTS_OF_A_ZYGOTE,
        lambda choices: choices,
        lambda choices: fault_of_requests(choices, _REQUESTS_OF_A_ZYGOTE),
    )
    found += _report_inputs(
        f"times {_CALLS_OF_AN_MCP_CLIENT} calls of MCP after hostile lines",
        first,
        options.mcp_calls // _CALLS_OF_AN_MCP_CLIENT,
        lambda choices: choices,
        lambda choices: fault_of_client(choices, _CALLS_OF_AN_MCP_CLIENT),
    )
    found += _report_names(first, options.names)
    found += _report_caches(first, options.caches)
    return 1 if found else 0


def _report_names(first: int, count: int) -> int:
    """The number of names of files that a service did not take as it must."""
    if not count:
        return 0
    with tempfile.TemporaryDirectory() as folder, naming_service(Path(folder)) as service:
        found = _report_inputs("names of files", first, count, hostile_name, service.fault_of)
        escaped = service.escaped()
        print(*(f"FAULT: {place} was made" for place in escaped), sep="\n", end="", flush=True)
        return found + len(escaped)


def _report_caches(first: int, count: int) -> int:
    """The number of damaged caches that did not give what was asked for, or one clear error."""
    if not count:
        return 0
    with cached_set() as cached:
        return _report_inputs(
            "caches with a damaged record",
            first,
            count,
            lambda choices: hostile_damage(choices, cached),
            cached.fault_of,
        )


def _report_calls(
    name: str, first: int, calls: int, guest_of: Callable[[Random, Path], CalledGuest]
) -> int:
    """The number of faults that calls of host functions had."""
    began = time.monotonic()
    counted: Counter[str] = Counter()
    found = 0
    for number in range(-(-calls // _CALLS_OF_A_GUEST)):
        seed = first + number
        faults = fuzz_guest(Random(seed), _CALLS_OF_A_GUEST, counted, guest_of)
        for fault in faults[: max(0, _SHOWN_FAULTS - found)]:
            print(f"FAULT of seed {seed}: {fault.call}: {fault.what}", flush=True)
        found += len(faults)
    if not calls:
        return 0
    fewest, least = counted.most_common()[-1]
    seconds = time.monotonic() - began
    print(
        f"{counted.total():,} calls of {len(counted)} {name} in {seconds:.0f} s,"
        f" {least:,} at the least ({fewest}): {found} faults",
        flush=True,
    )
    return found


def _report_inputs(
    name: str,
    first: int,
    count: int,
    make: Callable[[Random], T],
    fault_of: Callable[[T], str | None],
) -> int:
    """The number of inputs that were not taken as they must be."""
    began = time.monotonic()
    found = 0
    for seed in range(first, first + count):
        fault = fault_of(make(Random(seed)))
        if fault is not None:
            found += 1
            if found <= _SHOWN_FAULTS:
                print(f"FAULT of seed {seed}: {fault[:500]}", flush=True)
    print(f"{count:,} {name} in {time.monotonic() - began:.0f} s: {found} faults", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
