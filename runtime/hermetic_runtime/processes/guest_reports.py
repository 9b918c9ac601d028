"""What a guest process says of a run: the changes of its mounts in pieces, and a report."""

from __future__ import annotations

from collections.abc import Iterator

from hermetic_runtime.kernel.overlay import Change as FileChange
from hermetic_runtime.processes.messages_from_guest import CHANGE_BYTES, Change, Report
from hermetic_runtime.processes.protocol import encode
from hermetic_runtime.reported import Outcome, RunError
from hermetic_runtime.requests import RunReport


def change_messages(mount: int, change: FileChange) -> Iterator[Change]:
    """A change in messages of bounded size; a file's contents may take several."""
    data = change.data
    for start in range(0, len(data) or 1, CHANGE_BYTES):
        end = start + CHANGE_BYTES
        yield Change(mount, change._replace(data=data[start:end]), more=end < len(data))


def report_frame(report: RunReport, largest: int) -> bytes:
    """The frame of a report, without value and displays if it would be too large."""
    try:
        frame = encode(Report(report))
    except RecursionError:
        frame = b""
    if frame and len(frame) <= largest:
        return frame
    error = RunError("ValueLimit", "the value or the displays are too large", limit="value_bytes")
    report = report._replace(outcome=Outcome.OUTPUT, exit_code=1, value=None, error=error)
    omitted = report.displays_omitted + len(report.displays)
    return encode(Report(report._replace(displays=(), displays_omitted=omitted)))
