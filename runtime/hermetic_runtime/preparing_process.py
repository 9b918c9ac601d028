"""The preparing process, as the process that waits for it sees it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

from hermetic_runtime.compilation import Metering
from hermetic_runtime.errors import ImageError, PreparationError
from hermetic_runtime.preparation import Progress
from hermetic_runtime.processes.programs import isolated_python

_ERRORS = {error.code: error for error in (ImageError, PreparationError)}


def run_preparing(metering: Metering, on_progress: Callable[[Progress], None]) -> None:
    """Prepare in another process, and pass on how far it is.

    Whatever `on_progress` raises ends that process. Raises `ImageError` and
    `PreparationError`.
    """
    on_progress(Progress("starting", 0.0))
    with subprocess.Popen(
        isolated_python("hermetic_runtime.preparing", metering.value),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        try:
            for line in process.stdout:
                _take_report(json.loads(line), on_progress)
            last_words = process.stderr.read().strip().splitlines()[-1:]
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        said = f": {last_words[0]}" if last_words else ""
        raise PreparationError(f"preparing ended with status {process.returncode}{said}")


def _take_report(report: dict[str, Any], on_progress: Callable[[Progress], None]) -> None:
    if "error" in report:
        error = _ERRORS.get(report["error"], PreparationError)
        raise error(report["message"], hint=report["hint"])
    on_progress(Progress(report["step"], report["fraction"], report["detail"]))
