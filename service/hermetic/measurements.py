"""What the service counts and times, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from hermetic_runtime.errors import HermeticError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)


class Measurements:
    """Of one service, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.runs = Counter("hermetic_runs", "Runs that ended", ["outcome"], registry=registry)
        self.refused = Counter(
            "hermetic_refused", "Runs that were refused or could not start", ["code"],
            registry=registry,
        )  # fmt: skip
        self.run_seconds = Histogram(
            "hermetic_run_seconds", "From a run's turn to its end", buckets=_SECONDS,
            registry=registry,
        )  # fmt: skip
        self.running = Gauge("hermetic_running", "Runs under way", registry=registry)
        self.waiting = Gauge("hermetic_waiting", "Runs that wait", registry=registry)
        self.policy_changes = Counter(
            "hermetic_policy_changes", "Changes of the policy file", ["result"], registry=registry
        )
        self.policy_current = Gauge(
            "hermetic_policy_current", "Whether the policy file as it is now applies",
            registry=registry,
        )  # fmt: skip
        self.policy_current.set(1)
        self.requests = Counter(
            "hermetic_http_requests", "HTTP requests", ["method", "route", "status"],
            registry=registry,
        )  # fmt: skip

    def policy_changed(self, error: HermeticError | None) -> None:
        """For `PolicySource`: a changed file applies, or does not because of `error`."""
        self.policy_changes.labels("refused" if error else "applied").inc()
        self.policy_current.set(0 if error else 1)

    def text(self) -> bytes:
        """As Prometheus reads it."""
        return generate_latest(self.registry)
