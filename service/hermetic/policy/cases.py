"""Calls written down with what policy should say of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hermetic.errors import InvalidInput, PolicyError
from hermetic.grants import Grant
from hermetic.policy.decisions import Call, CounterKey, Decision, Verdict
from hermetic.policy.document import RunLimits
from hermetic.policy.judging import counters_needed, decide
from hermetic.policy.loading import load_policy, shape_error
from hermetic.policy.rules import Policy
from hermetic.policy.source_tree import MOST_BYTES, read_source
from hermetic.policy.spending import SPEND_PREFIX

Number = Annotated[float, Field(ge=0, le=1e15)]


class Case(BaseModel):
    """One call, and what is expected of the decision.

    `rule` and `reason` are parts of the decision's; what is left out is not compared.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    tool: str
    grant: str = "local"
    args: dict[str, Any] = Field(default_factory=dict[str, Any])
    required: list[str] = ["code"]
    now: str | None = None
    counters: dict[str, Number] = Field(default_factory=dict[str, float])
    expect: Literal["allow", "deny", "require_approval"]
    rule: str | None = None
    reason: str | None = None
    retry_after_seconds: float | None = None
    limits: RunLimits = RunLimits()


class CaseTable(BaseModel):
    """A file of cases. `policy` is the path of the policy, from the folder of this file."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    policy: str
    cases: list[Case] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class CaseOutcome:
    """`differences` say what was expected and what came; there are none when it passed."""

    name: str
    differences: tuple[str, ...]


def run_cases(file: Path) -> list[CaseOutcome]:
    """Raises `PolicyError` for a table or a policy that is none."""
    try:
        with file.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PolicyError(f"the cases {file} can't be read: {reason}") from error
    tree = read_source(data, str(file))
    try:
        table = CaseTable.model_validate(tree.value)
    except ValidationError as error:
        raise shape_error(error, tree) from error
    policy = load_policy(file.parent / table.policy)
    outcomes: list[CaseOutcome] = []
    for number, case in enumerate(table.cases):
        try:
            outcomes.append(CaseOutcome(case.name, tuple(_differences(policy, case))))
        except InvalidInput as error:
            line = tree.line(("cases", number))
            raise PolicyError(f"{file}:{line}: cases[{number}]: {error.message}") from error
    return outcomes


def judge_call(
    policy: Policy,
    *,
    tool: str,
    grant: str,
    arguments: Mapping[str, Any],
    required: Iterable[str],
    counters: Mapping[str, float],
    now: float,
) -> tuple[Decision, dict[CounterKey, float]]:
    """Every rule is looked at. Also the counters that were, by `counter_path`.

    Raises `InvalidInput` for a counter that no rule looks at.
    """
    call = Call(
        tool=tool,
        arguments=arguments,
        grant=Grant(grant, grant),
        required=frozenset(required),
    )
    keys = sorted(counters_needed(policy, call, now))
    paths = {counter_path(key) for key in keys}
    if unknown := sorted(counters.keys() - paths):
        known = f"there are {', '.join(sorted(paths))}" if paths else "it looks at none"
        raise InvalidInput(f"the call looks at no counter {unknown[0][:100]!r}: {known}")
    values = {key: counters.get(counter_path(key), 0.0) for key in keys}
    return decide(policy, call, values, now, exhaustively=True), values


def counter_path(key: CounterKey) -> str:
    """`state.<tool>.<counter>`, or `spend.<tool>.<what>`."""
    if key.name.startswith(SPEND_PREFIX):
        return f"spend.{key.tool}.{key.name.removeprefix(SPEND_PREFIX)}"
    return f"state.{key.tool}.{key.name}"


def parse_time(text: str | None) -> float:
    """Seconds since the epoch of an ISO 8601 time; of now for None. Raises `InvalidInput`."""
    if text is None:
        return time.time()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{text[:60]!r} is not a time such as 2026-11-21T12:00:00Z") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _differences(policy: Policy, case: Case) -> Iterable[str]:
    decision, _ = judge_call(
        policy,
        tool=case.tool,
        grant=case.grant,
        arguments=case.args,
        required=case.required,
        counters=case.counters,
        now=parse_time(case.now),
    )
    if decision.verdict.value != case.expect:
        yield f"expected {case.expect}, got {decision.verdict.value}: {decision.reason}"
        return
    if case.rule is not None and case.rule not in decision.rule:
        yield f"expected the rule {case.rule!r}, got {decision.rule!r}"
    if case.reason is not None and case.reason not in decision.reason:
        yield f"expected a reason with {case.reason!r}, got {decision.reason!r}"
    retry = decision.retry_after_seconds
    if case.retry_after_seconds is not None and retry != case.retry_after_seconds:
        yield f"expected retry_after_seconds {case.retry_after_seconds:g}, got {retry}"
    if decision.verdict is not Verdict.DENY:
        for name, expected in case.limits.model_dump(exclude_none=True).items():
            got = getattr(decision.allowance.limits, name)
            if got != expected:
                cap = decision.allowance.caps.get(name, "nothing")
                yield f"expected {name} {expected:,}, got {got} by {cap}"
