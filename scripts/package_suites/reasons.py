"""Why a test failed, as one of a few kinds, from its message and traceback."""

from __future__ import annotations

import re

from guests import Test

_KINDS = {
    "threads": r"can't start new thread|_start_joinable_thread",
    "processes": r"does not support processes|subprocess\.|os\.fork|has no attribute 'fork'",
    "sockets": r"socket\.|no module named '_socket'",
    "time zones": r"ZoneInfoNotFoundError|No time zone found",
    "modules that are not there": r"ModuleNotFoundError|ImportError",
    "files and permissions": r"PermissionError|FileNotFoundError|OSError|Errno",
    "recursion": r"RecursionError|maximum recursion depth",
    "memory": r"MemoryError",
    "precision": r"not almost equal|ACTUAL:|ULP|max_ulp",
    "newer Python": r"DeprecationWarning|SyntaxWarning|PendingDeprecationWarning",
}
_OTHER = "other"
_LOST = "the guest ended"
ADVICE = {
    "threads": "guests have no threads; use asyncio, or one after the other",
    "processes": "guests start no processes",
    "sockets": "guests have no network",
    "time zones": "add `tzdata` to the requirements",
    "modules that are not there": "no wheel of it fits, or it is left out of the build",
    "files and permissions": "the files of a guest have no owners, locks or devices",
    "recursion": "the stack of a guest is shorter",
    "memory": "the guest reached its memory limit; give it more",
    "precision": "the mathematical functions differ in the last places",
    "newer Python": "the interpreter is newer than the package expects",
    _OTHER: "see the test",
    _LOST: "the program needs more time or memory than it had, or stops the interpreter",
}


def kind_of(test: Test) -> str:
    """One of `ADVICE`; of several that fit, the one that is named first above."""
    if test.outcome == "lost":
        return _LOST
    found = (kind for kind, pattern in _KINDS.items() if re.search(pattern, test.reason))
    return next(found, _OTHER)
