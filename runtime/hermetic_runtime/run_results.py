"""Putting a result together from all who know a part of it."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.errors import InstallError, PackageDenied
from hermetic_runtime.reported import Outcome, RunError
from hermetic_runtime.requests import RunReport
from hermetic_runtime.results import RunResult, Timings

_MISSING_MODULE = re.compile(r"No module named '([^'.]+)")
_OF_NO_PACKAGE = sys.stdlib_module_names | {"js", "pyodide_js"}
"""No requirement brings these: what a guest lacks of the standard library, and JavaScript."""
_HOW_PACKAGES_COME = (
    "Packages are there that are named: in the script's metadata block (PEP 723), by "
    "`requirements`, or by --with; in a session, those that it was created with."
)


def run_result(
    report: RunReport,
    *,
    written: list[str],
    output: CapturedOutput,
    timings: Timings,
    interpreter: str,
    packages: Path | None,
    notes: Sequence[str] = (),
) -> RunResult:
    """Of a run that a guest took. `packages` is the folder of its package set."""
    return RunResult(
        outcome=report.outcome,
        stdout=output.text("stdout", truncated=report.stdout_truncated),
        stderr=output.text("stderr", truncated=report.stderr_truncated),
        value=report.value,
        displays=list(report.displays),
        displays_omitted=report.displays_omitted,
        files=list(report.files),
        files_omitted=report.files_omitted,
        written=written,
        error=_with_hint(report.error),
        exit_code=report.exit_code,
        usage=report.usage,
        timings=timings,
        interpreter=interpreter,
        package_set=packages.name if packages else None,
        notes=list(notes),
    )


def _with_hint(error: RunError | None) -> RunError | None:
    if error is None or error.type != "ModuleNotFoundError":
        return error
    module = _MISSING_MODULE.match(error.message)
    if module is None or module[1] in _OF_NO_PACKAGE:
        return error
    return replace(error, hint=_HOW_PACKAGES_COME)


def install_error_result(error: InstallError) -> RunResult:
    """Of a run whose packages could not be had, or may not be."""
    denied = isinstance(error, PackageDenied)
    kind = PackageDenied if denied else InstallError
    return RunResult(
        Outcome.DENIED if denied else Outcome.INSTALL_ERROR,
        error=RunError(kind.__name__, error.message, hint=error.hint),
        exit_code=1,
    )
