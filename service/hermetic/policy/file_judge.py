"""The judge that a policy file makes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hermetic.policy import judging
from hermetic.policy.decisions import Call, CounterKey, Decision
from hermetic.policy.loading import load_policy
from hermetic.policy.rules import Policy
from hermetic_runtime.limits import Limits


class FileJudge:
    """A `Judge` by the `policy` of a file. `server` bounds the limits of every call."""

    def __init__(self, policy: Policy, server: Limits | None = None) -> None:
        self.policy = policy
        self._server = server

    @classmethod
    def load(cls, path: Path, server: Limits | None = None) -> FileJudge:
        """Raises `PolicyError`."""
        return cls(load_policy(path), server)

    def counters_needed(self, call: Call, now: float) -> frozenset[CounterKey]:
        return judging.counters_needed(self.policy, call, now)

    def decide(self, call: Call, counters: Mapping[CounterKey, float], now: float) -> Decision:
        return judging.decide(self.policy, call, counters, now, server=self._server)
