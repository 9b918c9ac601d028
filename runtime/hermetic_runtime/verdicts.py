"""The reports that the host makes itself, where the guest's can't be had or can't stand."""

from __future__ import annotations

from hermetic_runtime.reported import Outcome, RunError, Usage
from hermetic_runtime.requests import RunReport

_TIMEOUT_STATUS = 124


def timed_out(report: RunReport, limit: str) -> RunReport:
    """A run that ended because its time was up. Where it was then is kept as the traceback."""
    traceback = report.error.traceback if report.error else ""
    return report._replace(
        outcome=Outcome.TIMEOUT,
        exit_code=_TIMEOUT_STATUS,
        value=None,
        error=RunError("Timeout", f"the run reached its limit {limit}", traceback, limit),
    )


def killed_at_deadline(limit: str, usage: Usage) -> RunReport:
    """A run that went on when its time was up."""
    report = RunReport(Outcome.TIMEOUT, usage=usage, alive=False)
    return timed_out(report, limit)


def cancelled(usage: Usage) -> RunReport:
    """Of a run that its caller ended."""
    error = RunError("Cancelled", "the run was cancelled")
    return RunReport(Outcome.CANCELLED, exit_code=1, error=error, usage=usage, alive=False)


def wrote_too_much(usage: Usage) -> RunReport:
    """Of a run whose output passed `output_bytes`."""
    error = RunError("OutputLimit", "the run wrote more than it may", limit="output_bytes")
    return RunReport(Outcome.OUTPUT, exit_code=1, error=error, usage=usage, alive=False)


def changed_too_much(usage: Usage) -> RunReport:
    """Of a run whose changes to mounts passed `disk_bytes`."""
    error = RunError("DiskLimit", "the run gave back more than it may", limit="disk_bytes")
    return RunReport(Outcome.DISK, exit_code=1, error=error, usage=usage, alive=False)


def crashed(kind: str, message: str, usage: Usage) -> RunReport:
    """Of a run whose guest process was lost; `kind` and `message` say how."""
    error = RunError(kind, message)
    return RunReport(Outcome.CRASHED, exit_code=1, error=error, usage=usage, alive=False)
