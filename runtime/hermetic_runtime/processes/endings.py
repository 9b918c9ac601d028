"""What the end of a guest process means, when it ended without a report."""

from __future__ import annotations

import signal
from typing import NamedTuple

from hermetic_runtime.processes.launching import ProcessEnd

CPU_TIME_STATUS = 78
"""Exit status of a guest process that ended because its processor time was up."""


class EndDescription(NamedTuple):
    """`limit` is the field of `Limits` that was reached, if one was."""

    kind: str
    message: str
    limit: str | None = None


def describe_end(end: ProcessEnd | None) -> EndDescription:
    """Of a process that we did not kill ourselves; None when nobody saw its end."""
    if end is None:
        return EndDescription("GuestLost", "the guest process was lost, and so was its zygote")
    if end.status in (CPU_TIME_STATUS, -signal.SIGXCPU):
        return EndDescription("Timeout", "its processor time was up", "cpu_seconds")
    if end.status == -signal.SIGKILL:
        return EndDescription(
            "GuestKilled",
            "the guest process was killed from outside (SIGKILL); "
            "the system does this when it runs out of memory",
        )
    if end.status < 0:
        return EndDescription("GuestCrashed", f"the guest process ended by {_name(-end.status)}")
    return EndDescription(
        "GuestCrashed", f"the guest process ended with status {end.status} and no report"
    )


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
