"""What a run may use. No limit is unlimited, and none can be switched off."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from hermetic_runtime.errors import InvalidInput

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of one sandbox and of each run in it.

    Raises `InvalidInput` when a value is not a number in the range given beside it.
    """

    memory_bytes: int = 512 * MIB
    """Linear memory of the guest (48 MiB to 4 GiB). Past it the guest gets MemoryError."""

    wall_seconds: float = 60.0
    """Time on the clock for each run (0.001 to 86,400), counted from its start."""

    cpu_seconds: float = 60.0
    """Processor time for each run (0.001 to 86,400)."""

    output_bytes: int = 8 * MIB
    """stdout and stderr of each run together (1 to 1 GiB)."""

    disk_bytes: int = 256 * MIB
    """All files that the guest writes, at any one time (0 to 4 GiB)."""

    files: int = 10_000
    """Files and folders that the guest makes, at any one time (0 to 1,000,000)."""

    open_files: int = 256
    """Open descriptors (8 to 4,096). Past it the guest gets OSError (EMFILE)."""

    value_bytes: int = 1 * MIB
    """The value of the last expression, as JSON and as repr (64 to 64 MiB)."""

    display_bytes: int = 8 * MIB
    """All displays of each run together (64 to 64 MiB). One that does not fit is left out."""

    source_bytes: int = 8 * MIB
    """The source text given to one run (1 to 64 MiB)."""

    fuel: int | None = None
    """WebAssembly instructions, about, for each run (1 to 2**62). None leaves fuel
    unmetered: every other limit still holds. Metering slows the guest by about a half."""

    def __post_init__(self) -> None:
        for field in fields(self):
            _check(field.name, getattr(self, field.name))


RANGES: dict[str, tuple[float, float]] = {
    "memory_bytes": (48 * MIB, 4 * GIB),
    "wall_seconds": (0.001, 86_400),
    "cpu_seconds": (0.001, 86_400),
    "output_bytes": (1, GIB),
    "disk_bytes": (0, 4 * GIB),
    "files": (0, 1_000_000),
    "open_files": (8, 4096),
    "value_bytes": (64, 64 * MIB),
    "display_bytes": (64, 64 * MIB),
    "source_bytes": (1, 64 * MIB),
    "fuel": (1, 2**62),
}


def _check(name: str, value: object) -> None:
    if name == "fuel" and value is None:
        return
    low, high = RANGES[name]
    allowed = (int, float) if name.endswith("_seconds") else (int,)
    if isinstance(value, bool) or not isinstance(value, allowed) or not math.isfinite(value):
        kind = "a number" if name.endswith("_seconds") else "a whole number"
        raise InvalidInput(f"limit {name} must be {kind}, not {value!r}")
    if not low <= value <= high:
        raise InvalidInput(
            f"limit {name} is {value:,}, outside {low:,} to {high:,}",
            hint="Limits can be narrowed and widened within this range, never removed.",
        )
