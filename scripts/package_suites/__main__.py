"""Print docs/compatibility.md: test suites of real packages, run inside guests.

    scripts/compatibility [NAME ...]      writes the page, or prints the lines of the named

With suites named, their lines of the table and why tests failed are printed, and with
--files only the files whose path holds the given text are run. --outcomes keeps what came of
every test, and --from prints the page of such a file again, without running anything.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from guests import Test, begin_suite
from page import page, row, section
from sources import unpack_tests
from suites import all_suites


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    suites = all_suites()
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(suites))
    parser.add_argument("--files", default="", help="run only files whose path holds this")
    parser.add_argument("--guests", type=int, default=os.cpu_count(), help="how many at a time")
    parser.add_argument("--outcomes", type=Path, help="write what came of every test, as JSON")
    parser.add_argument("--from", type=Path, dest="kept", help="a file that --outcomes wrote")
    options = parser.parse_args()
    if options.kept:
        kept = json.loads(options.kept.read_text())
        print(page((suites[name], [Test(*test) for test in kept[name]]) for name in kept), end="")
        return
    unknown = [name for name in options.names if name not in suites]
    if unknown:
        parser.error(f"no suite is named {', '.join(unknown)}; there are {', '.join(suites)}")
    chosen = [suites[name] for name in options.names or suites]
    done: dict[str, list[Test]] = {}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.guests) as pool:
        begun = [
            (suite, begin_suite(pool, suite, unpack_tests(suite, Path(folder)), options.files))
            for suite in chosen
        ]
        for suite, files in begun:
            done[suite.package] = []
            for path, tests in files:
                done[suite.package] += tests.result()
                print(f"{suite.package} {path}: {len(tests.result())}", file=sys.stderr, flush=True)
            if options.outcomes:
                options.outcomes.write_text(json.dumps(done))
    if options.names:
        for suite in chosen:
            print(row(suite, done[suite.package]) + section(suite, done[suite.package]))
    else:
        print(page((suite, done[suite.package]) for suite in chosen), end="")


if __name__ == "__main__":
    main()
