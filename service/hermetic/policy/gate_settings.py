"""What the gate is told by the environment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hermetic.errors import InvalidInput
from hermetic.settings import PREFIX, default_data_directory

_YES = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """Of one gate. Raises `InvalidInput` for what is out of its range.

    Each can be set through an environment variable: `HERMETIC_` and its name in capitals.
    """

    data_directory: Path = field(default_factory=default_data_directory)
    """Counters, approvals and keys are in it, and the audit log in its folder `audit`."""

    counters: str = ""
    """The URL of a Redis that keeps the counters; a file of `data_directory` if empty."""

    counters_down: str = "refuse"
    """What becomes of counted calls while the counters can't be reached: `refuse`, or
    `allow`, which lets them pass uncounted."""

    approval_seconds: float = 3600.0
    """How long an approval can be decided and used (1 to 2,592,000)."""

    webhook_url: str = ""
    """Where to tell that an approval was asked for; nowhere if empty."""

    webhook_secret: str = field(default="", repr=False)
    """With which that is signed: at least 16 characters."""

    audit_values: bool = False
    """Whether arguments and reasons are written to the audit log, and not only hashes."""

    audit_fsync: bool = False
    """Whether a record of the audit log has to outlive a loss of power."""

    audit_segment_bytes: int = 64 * 1024 * 1024
    """When a new file of the audit log is begun (4 KiB to 1 TiB)."""

    def __post_init__(self) -> None:
        if self.counters_down not in ("refuse", "allow"):
            raise InvalidInput(
                f"setting counters_down is {self.counters_down!r}, not refuse or allow"
            )
        _check_range("approval_seconds", self.approval_seconds, 1, 30 * 86_400)
        _check_range("audit_segment_bytes", self.audit_segment_bytes, 4096, 2**40)

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> GateSettings:
        """From `HERMETIC_…` variables. Raises `InvalidInput`."""
        defaults = cls()

        def text(name: str) -> str:
            return environment.get(PREFIX + name.upper()) or str(getattr(defaults, name))

        return cls(
            data_directory=Path(text("data_directory")).absolute(),
            counters=text("counters"),
            counters_down=text("counters_down"),
            approval_seconds=_number("approval_seconds", text("approval_seconds")),
            webhook_url=text("webhook_url"),
            webhook_secret=text("webhook_secret"),
            audit_values=_truth("audit_values", text("audit_values")),
            audit_fsync=_truth("audit_fsync", text("audit_fsync")),
            audit_segment_bytes=int(_number("audit_segment_bytes", text("audit_segment_bytes"))),
        )


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidInput(f"{PREFIX}{name.upper()} must be a number, not {text!r}")
    return number


def _truth(name: str, text: str) -> bool:
    try:
        return _YES[text.lower()]
    except KeyError:
        raise InvalidInput(f"{PREFIX}{name.upper()} must be 1 or 0, not {text!r}") from None


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise InvalidInput(f"setting {name} is {value:,}, outside {low:,} to {high:,}")
