"""Names for a call and its arguments that tell nothing of what is in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from hermetic.errors import InvalidInput
from hermetic.policy.decisions import Call


def canonical(value: object) -> str:
    """JSON with sorted names and no spaces, in ASCII: equal values give equal texts.

    Raises `InvalidInput` for what is nested too deeply.
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        raise InvalidInput(
            "the arguments of the call are nested too deeply to be judged",
            hint="Pass what is nested as text, or as a file.",
        ) from None


def argument_hash(arguments: Mapping[str, Any]) -> str:
    """SHA-256 of the arguments, in hexadecimal."""
    return _digest(dict(arguments))


def fingerprint(call: Call, rule: str) -> str:
    """SHA-256 that is the same for the same grant, tool, arguments and rule only."""
    return _digest([call.grant.id, call.tool, dict(call.arguments), rule])


def _digest(value: object) -> str:
    return hashlib.sha256(canonical(value).encode("ascii")).hexdigest()
