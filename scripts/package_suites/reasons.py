"""Why a test failed, as one of a few kinds, from its message and traceback."""

from __future__ import annotations

import re

from guests import Test

_KINDS = {
    "threads": r"can't start new thread|_start_joinable_thread",
    "processes": (
        r"does not support processes|os\.fork|has no attribute 'fork'"
        r"|cat not available|pager output"
    ),
    "modules for tests": (
        r"can't be had here|\brational2?(_dt)?\b|targets' has no|indexed_negative|inner1d_no_doc"
        r"|module '__main__' has no"
    ),
    "modules that are not there": r"ModuleNotFoundError|ctypes",
    "places of warnings": r"not set with correct stacklevel",
    "floating-point flags": r"FloatingPointError not raised",
    "files that the archive has not": r"No such file or directory: '/workspace/suite/",
    "sockets": r"socket\.|gaierror",
    "memory": r"MemoryError",
    "recursion": r"RecursionError|maximum recursion depth",
    "users and their rights": r"'get(e?uid|pwnam)'|PermissionError",
    "signals": r"signal\.",
    "precision": r"not almost equal|ACTUAL:|ULP|max_ulp",
    "files": r"FileNotFoundError|OSError|\[Errno|mtime",
    "newer Python": r"DeprecationWarning|SyntaxWarning|PendingDeprecationWarning",
}
_OTHER = "other"
_LOST = "the guest ended"
ADVICE = {
    "threads": "guests have no threads; use asyncio, or one after the other",
    "processes": "guests start no processes",
    "modules for tests": "nothing for a user: only these tests need them",
    "modules that are not there": "no wheel of it fits, or it is left out of the build",
    "places of warnings": "warnings of the package name a line of its own, not the caller's",
    "floating-point flags": (
        "WebAssembly has none, so `np.errstate` neither warns nor raises: look for `inf` and `nan`"
    ),
    "files that the archive has not": "nothing: these tests need the whole repository",
    "sockets": "guests have no network",
    "memory": "the guest reached its memory limit; give it more",
    "recursion": "the stack of a guest is shorter",
    "users and their rights": "guests have no users",
    "signals": "guests get no signals",
    "precision": "the mathematical functions differ in the last places",
    "files": "the files of a guest have no owners, locks or devices",
    "newer Python": "the interpreter is newer than the package expects",
    _OTHER: "see the test",
    _LOST: "the program needs more time or memory than it had, or stops the interpreter",
}


def kind_of(test: Test) -> str:
    """One of `ADVICE`; of several that fit, the one that is named first above."""
    if test.outcome == "lost":
        return _LOST
    told = f"{test.name}\n{test.reason}"
    found = (kind for kind, pattern in _KINDS.items() if re.search(pattern, told))
    return next(found, _OTHER)
