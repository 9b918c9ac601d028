"""Print docs/compatibility.md: test suites of real packages, run inside guests.

    scripts/compatibility [NAME ...]      writes the page, or prints the lines of the named

With suites named, their lines of the table and why tests failed are printed, and with
--files only the files whose path holds the given text are run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from guests import Test, run_suite
from page import page, row, section
from sources import unpack_tests
from suites import Suite, all_suites


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    suites = all_suites()
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(suites))
    parser.add_argument("--files", default="", help="run only files whose path holds this")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in suites]
    if unknown:
        parser.error(f"no suite is named {', '.join(unknown)}; there are {', '.join(suites)}")
    chosen = [suites[name] for name in options.names or suites]
    with tempfile.TemporaryDirectory() as folder:
        done = [(suite, outcomes(suite, Path(folder), options.files)) for suite in chosen]
    if options.names:
        for suite, tests in done:
            print(row(suite, tests) + section(suite, tests))
    else:
        print(page(done), end="")


def outcomes(suite: Suite, folder: Path, files: str) -> Sequence[Test]:
    """Every test of the suite. Says on stderr how far it is."""
    tests: list[Test] = []
    for path, some in run_suite(suite, unpack_tests(suite, folder), files):
        tests += some
        print(f"{suite.package} {path}: {len(some)}", file=sys.stderr, flush=True)
    return tests


if __name__ == "__main__":
    main()
