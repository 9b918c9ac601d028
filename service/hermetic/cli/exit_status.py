"""Exit statuses that are not the guest's own; the shell's and timeout(1)'s conventions."""

from __future__ import annotations

from hermetic.errors import ApprovalRequired, PolicyDenied
from hermetic_runtime.errors import HermeticError, InvalidInput

BROKEN = 1
"""`hermetic doctor`, `hermetic policy test` or `hermetic audit verify` found something wrong."""
MISUSE = 2
DENIED = 126
"""Policy refuses the run, or waits for an approval of it."""
FAILURE = 125
"""Hermetic itself could not do what was asked."""
INTERRUPTED = 130
BROKEN_PIPE = 141
TERMINATED = 143


def of_error(error: HermeticError) -> int:
    """`MISUSE` for what the caller got wrong, `DENIED` by policy, `FAILURE` for what we did."""
    if isinstance(error, PolicyDenied | ApprovalRequired):
        return DENIED
    return MISUSE if isinstance(error, InvalidInput) else FAILURE
