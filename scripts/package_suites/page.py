"""docs/compatibility.md, from what came of the suites."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from guests import Test
from reasons import ADVICE, kind_of
from suites import Suite

_TEXT = Path(__file__).with_name("page.md").read_text(encoding="utf-8")
_HEADER = """\
| package | interpreter | passed | failed | lost | skipped | expected |
|---|---|---|---|---|---|---|
"""


def page(suites: Iterable[tuple[Suite, Sequence[Test]]]) -> str:
    rows: list[str] = []
    sections: list[str] = []
    for suite, tests in suites:
        rows.append(row(suite, tests))
        sections.append(section(suite, tests))
    return _TEXT.replace("{table}", _HEADER + "\n".join(rows)) + "".join(sections)


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
    lines = [f"\n## {suite.package}\n", *([suite.note.lstrip()] if suite.note else [])]
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
