"""The same programs through the command line and the service."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx2
from attempts import Attempt, faults_of
from hostile_program import HostileProgram

from hermetic_runtime.providing import InterpreterName
from hermetic_runtime.reported import Outcome, RunError, Usage
from hermetic_runtime.results import RunResult, StreamText

COMMAND = (sys.executable, "-m", "hermetic")
_PATIENCE_SECONDS = 240


def attempt_by_command(program: HostileProgram, interpreter: InterpreterName) -> Attempt:
    """`hermetic run --json`, which must print one result and nothing of ours going wrong."""
    limits = program.limits
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "program.py"
        script.write_text(program.source, "utf-8", "surrogatepass")
        done = subprocess.run(
            [
                *(*COMMAND, "run", "--json", "--interpreter", interpreter),
                *("--timeout", str(limits.wall_seconds), "--cpu", str(limits.cpu_seconds)),
                *("--memory", str(limits.memory_bytes), "--output", str(limits.output_bytes)),
                *("--disk", str(limits.disk_bytes), str(script)),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    try:
        result = result_from(json.loads(done.stdout))
    except (ValueError, LookupError) as error:
        printed = done.stdout[-200:] + done.stderr[-500:]
        return Attempt(None, 0.0, (f"no result ({error!r}) but {printed!r}",))
    faults = faults_of(program, result, program.outcomes_in(interpreter))
    if b"Traceback" in done.stderr:
        faults.append(f"the host raised: {done.stderr[-500:]!r}")
    return Attempt(result.outcome, result.usage.wall_seconds, tuple(faults))


def attempt_over_http(
    program: HostileProgram, interpreter: InterpreterName, client: httpx2.Client
) -> Attempt:
    """POST /v1/run, and a canary after it."""
    limits = asdict(program.limits)
    del limits["source_bytes"], limits["fuel"]
    body = {"code": program.source, "interpreter": interpreter, "limits": limits}
    response = client.post("/v1/run", json=body, timeout=_PATIENCE_SECONDS)
    if response.status_code != 200:
        return Attempt(None, 0.0, (f"{response.status_code}: {response.text[:300]}",))
    result = result_from(response.json())
    faults = faults_of(program, result, program.outcomes_in(interpreter))
    canary = client.post("/v1/run", json={"code": "6 * 7", "interpreter": interpreter}).json()
    if canary.get("outcome") != "ok" or canary["value"]["json"] != 42:
        faults.append(f"the next run was touched: {canary}")
    return Attempt(result.outcome, result.usage.wall_seconds, tuple(faults))


def result_from(given: dict[str, Any]) -> RunResult:
    """What is looked at of a result in its form as JSON."""
    error = given["error"]
    return RunResult(
        Outcome(given["outcome"]),
        stdout=StreamText(**given["stdout"]),
        stderr=StreamText(**given["stderr"]),
        error=RunError(**error) if error else None,
        usage=Usage(wall_seconds=given["usage"]["wall_seconds"]),
    )
