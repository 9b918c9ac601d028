"""A result as JSON that every reader takes, whatever the guest put into it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hermetic_runtime.results import RunResult


def result_fields(result: RunResult) -> dict[str, Any]:
    """`RunResult.to_dict`; a value that JSON can't hold (an infinity, say) has its repr only."""
    if result.value is not None and result.value.is_json:
        try:
            json.dumps(result.value.json, allow_nan=False)
        except (ValueError, RecursionError):
            result = replace(result, value=replace(result.value, json=None, is_json=False))
    return result.to_dict()
