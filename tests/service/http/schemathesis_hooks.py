"""A check of Schemathesis: what the description allows is refused for a documented reason only."""

from __future__ import annotations

from typing import Any

import schemathesis

REASONS = {
    "contradiction",
    "idempotency_conflict",
    "install_error",
    "invalid_name",
    "invalid_requirement",
    "name_taken",
}
"""More than a schema can say: the codes of what is well-formed and can't be run."""


@schemathesis.check
def refused_for_a_documented_reason(_context: Any, response: Any, case: Any) -> None:
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if response.status_code == 422:
        problem = response.json()
        assert problem["code"] in REASONS, problem
