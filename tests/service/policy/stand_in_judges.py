"""Policies of one rule each, for tests of what the gate does with a decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hermetic.grants import Grant
from hermetic.policy.decisions import (
    Call,
    Considered,
    CounterKey,
    Decision,
    Reservation,
    Verdict,
)
from hermetic.policy.spending import CPU_SECONDS

GRANT = Grant("g1", "ci")


def call_of(tool: str = "run", grant: Grant = GRANT, **arguments: object) -> Call:
    return Call(tool=tool, arguments=arguments, grant=grant)


def key_of(call: Call, now: float, name: str = "calls", window: int = 60) -> CounterKey:
    return CounterKey(call.grant.id, call.tool, name, window, int(now // window) * window)


@dataclass(frozen=True)
class Limited:
    """At most so many calls a minute, for each grant and tool."""

    most: float = 10
    verdict: Verdict = Verdict.ALLOW
    policy: str = "p1"

    def counters_needed(self, call: Call, now: float) -> frozenset[CounterKey]:
        return frozenset({key_of(call, now)})

    def decide(self, call: Call, counters: Mapping[CounterKey, float], now: float) -> Decision:
        key = key_of(call, now)
        passed = counters.get(key, 0) + 1 <= self.most
        return Decision(
            verdict=self.verdict if passed else Verdict.DENY,
            rule="run.limit",
            reason="it may" if passed else f"{self.most} calls a minute have been made",
            considered=(Considered("run.limit", passed, "so many calls"),),
            reservations=(Reservation(key, 1, self.most, "run.limit"),) if passed else (),
            spends=((CPU_SECONDS, key_of(call, now, CPU_SECONDS)),),
            retry_after_seconds=None if passed else key.start + key.window - now,
            policy=self.policy,
        )


@dataclass(frozen=True)
class Fixed:
    """Always the same verdict, and nothing is counted."""

    verdict: Verdict = Verdict.ALLOW
    reason: str = "because"
    policy: str = field(default="p1")

    def counters_needed(self, call: Call, now: float) -> frozenset[CounterKey]:
        return frozenset()

    def decide(self, call: Call, counters: Mapping[CounterKey, float], now: float) -> Decision:
        return Decision(
            verdict=self.verdict, rule="the rule", reason=self.reason, policy=self.policy
        )
