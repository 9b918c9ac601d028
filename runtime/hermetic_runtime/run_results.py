"""Putting a result together from all who know a part of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.errors import InstallError, PackageDenied
from hermetic_runtime.requests import RunReport
from hermetic_runtime.results import Outcome, RunError, RunResult, Timings


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
        error=report.error,
        exit_code=report.exit_code,
        usage=report.usage,
        timings=timings,
        interpreter=interpreter,
        package_set=packages.name if packages else None,
        notes=list(notes),
    )


def install_error_result(error: InstallError) -> RunResult:
    """Of a run whose packages could not be had, or may not be."""
    denied = isinstance(error, PackageDenied)
    kind = PackageDenied if denied else InstallError
    return RunResult(
        Outcome.DENIED if denied else Outcome.INSTALL_ERROR,
        error=RunError(kind.__name__, error.message, hint=error.hint),
        exit_code=1,
    )
