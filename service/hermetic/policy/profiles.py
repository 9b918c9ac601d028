"""Profiles of the sandbox: sets of limits with a name."""

from __future__ import annotations

from collections.abc import Mapping

from hermetic.policy.document import Imports, Packages, RunLimits, Sandbox, Sessions
from hermetic.policy.faults import Fault
from hermetic.policy.source_tree import Path
from hermetic_runtime.limits import MIB

DAY = 86_400

BUILT_IN: Mapping[str, Sandbox] = {
    "strict": Sandbox(
        limits=RunLimits(
            memory_bytes=256 * MIB,
            wall_seconds=10.0,
            cpu_seconds=10.0,
            output_bytes=MIB,
            disk_bytes=16 * MIB,
            files=500,
            open_files=64,
            value_bytes=256 * 1024,
            display_bytes=2 * MIB,
            source_bytes=256 * 1024,
        ),
        packages=Packages(allow=[], native_code=False),
        imports=Imports(deny=["ctypes", "ctypes.*", "_ctypes"]),
        sessions=Sessions(most=0),
    ),
    "restrictive": Sandbox(
        limits=RunLimits(
            memory_bytes=512 * MIB,
            wall_seconds=30.0,
            cpu_seconds=30.0,
            output_bytes=4 * MIB,
            disk_bytes=128 * MIB,
            files=5_000,
            source_bytes=1 * MIB,
        ),
        packages=Packages(exclude_newer=7.0 * DAY),
        sessions=Sessions(most=10, workspace_bytes=128 * MIB, keep_seconds=7.0 * DAY),
    ),
    "permissive": Sandbox(),
}
"""`strict` is for code that nobody has seen: no packages, no sessions, ten seconds.
`restrictive` leaves out packages of the last week. `permissive` adds nothing of its own.
"""


def checked_sandbox(sandbox: Sandbox, path: Path, profiles: Mapping[str, object]) -> Sandbox:
    """The same. Raises `Fault` for a limit out of its range or an unknown profile."""
    if sandbox.profile is not None and sandbox.profile not in profiles:
        known = ", ".join(sorted(profiles))
        raise Fault((*path, "profile"), f"there is no profile {sandbox.profile!r}: {known}")
    if sandbox.limits is not None and (outside := sandbox.limits.outside()) is not None:
        name, what = outside
        raise Fault((*path, "limits", name), what)
    return sandbox
