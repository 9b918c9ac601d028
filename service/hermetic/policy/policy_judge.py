"""A policy file as the gate asks it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hermetic.grants import Grant
from hermetic.policy import judging
from hermetic.policy.allowances import effective_allowance
from hermetic.policy.decisions import Allowance, Call, CounterKey, Decision
from hermetic.policy.loading import load_policy
from hermetic.policy.rules import Policy


@dataclass(frozen=True, slots=True)
class PolicyJudge:
    """Judges by one policy, which never changes. Raises nothing."""

    policy: Policy

    @classmethod
    def load(cls, path: Path) -> PolicyJudge:
        """Raises `PolicyError`."""
        return cls(load_policy(path))

    def counters_needed(self, call: Call, now: float) -> frozenset[CounterKey]:
        """Those that `decide` will look at."""
        return judging.counters_needed(self.policy, call, now)

    def decide(self, call: Call, counters: Mapping[CounterKey, float], now: float) -> Decision:
        """What becomes of a call."""
        return judging.decide(self.policy, call, counters, now)

    def allowance(self, tool: str, grant: Grant) -> Allowance:
        """What a call of this tool would get, if it were allowed."""
        return effective_allowance(self.policy, tool, grant)

    def hides(self, tool: str, grant: Grant) -> bool:
        """Whether a grant is not to see that there is such a tool."""
        return judging.is_hidden(self.policy, tool, grant)
