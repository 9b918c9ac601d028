"""docs/compatibility.md, from what came of the suites."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from guests import Test
from reasons import ADVICE, kind_of
from suites import Suite

HEADER = """\
# Compatibility

Test suites of real packages, run by pytest inside guests. `scripts/compatibility` makes this page:
it takes the tests from the source archive of each version, unpacked and never built, mounts them
read-only, and runs each file in a guest of its own, with 180 seconds and the memory that
`scripts/package_suites/suites.toml` says. Packages come from the index, as for any script.

"Expected" are tests that the package itself marks as expected to fail. "Lost" are those whose
guest ended before they did.

| package | interpreter | passed | failed | lost | skipped | expected |
|---|---|---|---|---|---|---|
"""
CONCLUSION = """
## What to make of it

Code that computes, parses, formats and validates behaves in a guest as it does anywhere. What
does not is what a guest has not: threads, other processes, sockets, and packages without a wheel
for the interpreter. [Differences from native Python](differences.md) says what to do about each,
and [the standard library](stdlib.md) what its modules can do here.
"""


def page(suites: Iterable[tuple[Suite, Sequence[Test]]]) -> str:
    rows: list[str] = []
    sections: list[str] = []
    for suite, tests in suites:
        rows.append(row(suite, tests))
        sections.append(section(suite, tests))
    return HEADER + "\n".join(rows) + "\n" + CONCLUSION + "".join(sections)


def row(suite: Suite, tests: Sequence[Test]) -> str:
    """The line of the table."""
    counts = Counter(test.outcome for test in tests)
    numbers = [counts[each] for each in ("passed", "failed", "lost", "skipped", "expected")]
    cells = [f"{suite.package} {suite.version}", f"`{suite.interpreter}`"]
    return f"| {' | '.join(cells + [f'{number:,}' for number in numbers])} |"


def section(suite: Suite, tests: Sequence[Test]) -> str:
    """Why tests failed, by kind."""
    kinds: dict[str, list[Test]] = defaultdict(list)
    for test in tests:
        if test.outcome in ("failed", "lost"):
            kinds[kind_of(test)].append(test)
    lines = [f"\n## {suite.package}\n", suite.note] if suite.note else [f"\n## {suite.package}\n"]
    if not kinds:
        return "\n".join([*lines, "All that is not skipped passes.", ""])
    lines += ["| why | tests | what it means |", "|---|---|---|"]
    for kind, found in sorted(kinds.items(), key=lambda each: -len(each[1])):
        lines.append(f"| {kind} | {len(found)}: {names(found)} | {ADVICE[kind]} |")
    return "\n".join([*lines, ""])


def names(tests: Sequence[Test], most: int = 4) -> str:
    """Tests by their functions, the first few of them."""
    functions = list(
        dict.fromkeys(test.name.rpartition("/")[2].partition("[")[0] for test in tests)
    )
    shown = ", ".join(f"`{name}`" for name in functions[:most])
    return shown if len(functions) <= most else f"{shown} and {len(functions) - most} more"
