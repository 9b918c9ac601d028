"""The preparing process, as the process that waits for it sees it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

from hermetic_runtime.errors import HermeticError, ImageError, PreparationError
from hermetic_runtime.preparation import Progress
from hermetic_runtime.processes.programs import isolated_python

_PROGRAM = "hermetic_runtime.preparing"
_ERRORS: dict[str, type[HermeticError]] = {
    error.code: error for error in (ImageError, PreparationError)
}

_background: list[subprocess.Popen[bytes]] = []
"""Kept, because Python warns of a process that is forgotten while it runs."""


def run_preparing(
    task: str, argument: Mapping[str, Any], on_progress: Callable[[Progress], None]
) -> dict[str, Any]:
    """Do a task of `preparing` in another process, and pass on how far it is.

    Gives the task's result. Whatever `on_progress` raises ends that process. Raises
    `ImageError` and `PreparationError`.
    """
    on_progress(Progress("starting", 0.0))
    result: dict[str, Any] | None = None
    with subprocess.Popen(
        isolated_python(_PROGRAM, task, json.dumps(argument)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        try:
            for line in process.stdout:
                result = _take_report(json.loads(line), on_progress)
            last_words = process.stderr.read().strip().splitlines()[-1:]
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0 or result is None:
        said = f": {last_words[0]}" if last_words else ""
        raise PreparationError(f"preparing ended with status {process.returncode}{said}")
    return result


def start_preparing(task: str, argument: Mapping[str, Any]) -> None:
    """Let a task be done in the background, at the lowest priority. Nobody waits for it.

    Nothing happens where the environment says `HERMETIC_BACKGROUND=0`.
    """
    if os.environ.get("HERMETIC_BACKGROUND") == "0":
        return
    _background[:] = [process for process in _background if process.poll() is None]
    process = subprocess.Popen(
        ["nice", "-n", "19", *isolated_python(_PROGRAM, task, json.dumps(argument))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    _background.append(process)


def _take_report(
    report: dict[str, Any], on_progress: Callable[[Progress], None]
) -> dict[str, Any] | None:
    """The result, if this is it."""
    if "error" in report:
        error = _ERRORS.get(report["error"], PreparationError)
        raise error(report["message"], hint=report["hint"])
    if "result" in report:
        return report["result"]
    on_progress(Progress(report["step"], report["fraction"], report["detail"]))
    return None
