"""The line that says why a run ended, where the script itself has not said it."""

from __future__ import annotations

from typing import NamedTuple

from hermetic.cli.quantities import format_seconds, format_size
from hermetic_runtime.limits import Limits
from hermetic_runtime.reported import Outcome
from hermetic_runtime.results import RunResult


class Ending(NamedTuple):
    """What is said of the end of a run, and what can be done."""

    message: str
    hint: str | None = None


_OPTIONS = {
    "wall_seconds": "--timeout SECONDS",
    "cpu_seconds": "--cpu SECONDS",
    "memory_bytes": "--memory SIZE",
    "output_bytes": "--output SIZE",
    "disk_bytes": "--disk SIZE",
}


def describe_ending(result: RunResult, limits: Limits) -> Ending | None:
    """None where nothing needs saying: all went well, or Python has printed a traceback and
    there is nothing to suggest.
    """
    error = result.error
    if error is None or result.outcome is Outcome.OK:
        return None
    if result.outcome is Outcome.ERROR:
        said_by_python = error.traceback or error.type == "SystemExit"
        if said_by_python and error.hint is None:
            return None
        return Ending(f"error: {error.type}: {error.message}", hint=error.hint)
    option = _OPTIONS.get(error.limit or "")
    return Ending(
        f"{result.outcome.value}: {_limit_reached(error.limit, limits) or error.message}",
        hint=f"{option} changes this limit." if option else error.hint,
    )


def _limit_reached(name: str | None, limits: Limits) -> str | None:
    match name:
        case "wall_seconds":
            return f"the run was stopped after {format_seconds(limits.wall_seconds)}"
        case "cpu_seconds":
            seconds = format_seconds(limits.cpu_seconds)
            return f"the run was stopped after {seconds} of processor time"
        case "memory_bytes":
            size = format_size(limits.memory_bytes)
            return f"the guest asked for more than its {size} of memory"
        case "output_bytes":
            size = format_size(limits.output_bytes)
            return f"the run wrote more than {size} to stdout and stderr"
        case "disk_bytes":
            size = format_size(limits.disk_bytes)
            return f"the guest's files would have taken more than {size}"
        case "files":
            return f"the guest made more than {limits.files:,} files and folders"
        case "value_bytes":
            size = format_size(limits.value_bytes)
            return f"the value of the last expression takes more than {size}"
        case _:
            return None
