"""What the agent in the guest is asked, as it reads it."""

from __future__ import annotations

import json
import marshal
from typing import Any

from hermetic_runtime.requests import RunRequest

_FORMAT = 2
"""Of marshal: without references, which all versions of Python write and read alike."""


def question(message: dict[str, Any]) -> bytes:
    """Any message, which names its `action`."""
    return marshal.dumps(message, _FORMAT)


def run_question(request: RunRequest, action: str) -> bytes:
    """To `run` or to `rehearse` a source."""
    return question(
        {
            "action": action,
            "source": request.source,
            "filename": request.filename,
            "arguments": [request.filename, *request.arguments],
            "final": request.final,
            "capture_value": request.capture_value,
            "value_bytes": request.limits.value_bytes,
            "display_bytes": request.limits.display_bytes,
            "inputs": json.loads(request.inputs_json),
            "files": request.files,
            "imports": request.imports and (request.imports.allow, request.imports.deny),
        }
    )
