"""What is kept of an error, for a caller that asks later."""

from __future__ import annotations

from hermetic_runtime.errors import HermeticError


def failure_fields(error: BaseException) -> dict[str, str | None]:
    """Code, message and hint; of an error that is not ours, only that the service failed."""
    if isinstance(error, HermeticError):
        return {"code": error.code, "message": error.message, "hint": error.hint}
    return {"code": "internal", "message": "the service failed", "hint": None}
