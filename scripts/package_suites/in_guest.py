"""Runs pytest in the guest on one file of a suite, and prints what came of each test.

Each line is a JSON list: `["begun", test]`, then `["passed" | "failed" | "skipped" |
"expected", test, reason]`. What tests and pytest print goes to stderr.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

import pytest

MOUNTED = "/suite"
SUITE = "/workspace/suite"


class Reporter:
    """Tells the outcome of each test as it comes, so that those before a crash are known."""

    def __init__(self, output: TextIO, file: str, finished: list[str]) -> None:
        self.output = output
        self.file = file
        self.finished = set(finished)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        wanted = [item for item in items if item.nodeid.startswith(self.file)]
        items[:] = [item for item in wanted if item.nodeid not in self.finished]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.outcome != "passed":
            self.tell(report.outcome, report.nodeid, reason_of(report.longrepr))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.tell("begun", nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.tell("failed", report.nodeid, reason_of(report.longrepr))
        elif report.skipped:
            outcome = "expected" if hasattr(report, "wasxfail") else "skipped"
            self.tell(outcome, report.nodeid, reason_of(report.longrepr))
        elif report.when == "call":
            self.tell("passed", report.nodeid)

    def tell(self, *words: str) -> None:
        self.output.write(json.dumps(words) + "\n")
        self.output.flush()


def reason_of(told: Any) -> str:
    """The message of a failure and the end of its traceback, or why a test was skipped."""
    if isinstance(told, tuple):  # where a test was skipped, and why
        return f"{told[2]}"
    crash = getattr(told, "reprcrash", None)
    return (crash.message[:500] if crash else "") + "\n" + str(told)[-1500:]


def output_past_capture() -> TextIO:
    """The run's stdout; what else would be printed there goes to stderr."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return output


class StandIn(ModuleType):
    """For a module that only tests use, and that can't be had for this interpreter.

    A file that imports from it is collected, and the tests that need it fail one by one.
    """

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)

        def refuse(kind: type, *_args: object, **_options: object) -> object:
            if "PYTEST_CURRENT_TEST" not in os.environ:  # a parameter, while tests are collected
                return object.__new__(kind)
            raise ModuleNotFoundError(f"{self.__name__} can't be had here")

        return type(name, (), {"__new__": refuse})


def main(
    file: str,
    first: list[str],
    finished: list[str],
    extends: list[str],
    stand_ins: list[str],
    options: list[str],
) -> None:
    output = output_past_capture()
    shutil.copytree(MOUNTED, SUITE)  # some tests change their own files
    os.chdir(SUITE)
    sys.dont_write_bytecode = True
    for name in extends:
        importlib.import_module(name).__path__.append(f"{SUITE}/{name.replace('.', '/')}")
    for name in stand_ins:
        sys.modules[name] = StandIn(name)
        package, _, leaf = name.rpartition(".")
        if package:
            setattr(importlib.import_module(package), leaf, sys.modules[name])
    settings = ["--rootdir", SUITE, "-o", "addopts=", "-p", "no:cacheprovider", "--tb=short"]
    if not hasattr(os, "getuid"):
        settings += ["--basetemp=/tmp/pytest"]
    status = pytest.main(
        [*first, file, "-qq", *settings, *options], [Reporter(output, file, finished)]
    )
    if status in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR):
        raise SystemExit(int(status))


main(**json.loads(Path("/workspace/work.json").read_text(encoding="utf-8")))
