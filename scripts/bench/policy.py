"""How long policy takes to judge a call, next to matching as many regular expressions.

    uv run scripts/bench/policy.py [--rules 200] [--rounds 2000]

The peer is what no engine can do without: it looks each argument up and runs one
precompiled pattern of `re` for every rule. The two take turns; ratios are of medians.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

from hermetic.grants import LOCAL
from hermetic.policy.decisions import Call, Verdict
from hermetic.policy.judging import counters_needed, decide
from hermetic.policy.loading import parse_policy

NOW = 1_795_262_400.0
ARGUMENTS = {
    "code": "import json\nprint(json.dumps({'a': 1}))",
    "amount": 12,
    "branch": "feat/policy",
    "tags": ["a", "b"],
}
CONDITIONS = [
    {"path": "args.amount", "op": "lte", "value": 500},
    {"path": "args.branch", "op": "regex", "value": "^feat/"},
    {"path": "args.branch", "op": "in", "value": ["main", "feat/policy"]},
    {"path": "args.tags", "op": "contains", "value": "a"},
    {"path": "code.bytes", "op": "lt", "value": 10_000},
    {"path": "code.imports", "op": "not_in", "value": ["ctypes", "socket"]},
    {"path": "time.hour", "op": "gte", "value": 6},
    {"path": "args.secret", "op": "exists", "value": False},
]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rules", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=2000)
    options = parser.parse_args()
    rules = [
        {"name": f"rule {number}", "conditions": [CONDITIONS[number % len(CONDITIONS)]]}
        for number in range(options.rules - 2)
    ]
    rules += [{"rate_limit": "10/minute"}, {"rate_limit": "100/hour"}]
    text = json.dumps({"version": "1", "tools": {"run": {"rules": rules}}}).encode()
    started = time.perf_counter()
    policy = parse_policy(text)
    loading = time.perf_counter() - started
    call = Call(tool="run", arguments=ARGUMENTS, grant=LOCAL)
    assert decide(policy, call, {}, NOW).verdict is Verdict.ALLOW
    patterns = [re.compile(f"^feat/|{number}") for number in range(options.rules)]

    def peer() -> bool:
        branch = str(ARGUMENTS["branch"])
        return all(pattern.search(branch) for pattern in patterns)

    numbers = itertools.count()

    def new_code() -> object:
        code = f"{ARGUMENTS['code']}\n# {next(numbers)}"
        return decide(policy, replace(call, arguments=ARGUMENTS | {"code": code}), {}, NOW)

    subjects: dict[str, Callable[[], object]] = {
        f"{options.rules} precompiled patterns of re": peer,
        f"decide with {options.rules} rules": lambda: decide(policy, call, {}, NOW),
        "the same, code not seen before": new_code,
        "the counters that it needs": lambda: counters_needed(policy, call, NOW),
    }
    times: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(options.rounds):
        for name, subject in subjects.items():
            started = time.perf_counter()
            subject()
            times[name].append(time.perf_counter() - started)
    base = statistics.median(next(iter(times.values())))
    print(f"{'':<36}{'median us':>10}{'best us':>10}{'to re':>8}")
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"{name:<36}{median * 1e6:>10.1f}{min(taken) * 1e6:>10.1f}{median / base:>8.2f}")
    print(f"loading the file: {loading * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
