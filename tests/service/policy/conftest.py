"""Gates, their stores of counters, and a real Redis."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from counters_in_memory import MemoryCounters
from live_service import PATIENCE_SECONDS
from redis_server import RedisServer, redis_server

from hermetic.approvals.store import ApprovalStore
from hermetic.audit.log import AuditLog, segments
from hermetic.policy.counting import CounterStore
from hermetic.policy.counting_in_redis import RedisCounters
from hermetic.policy.counting_in_sqlite import SqliteCounters
from hermetic.policy.gate import Gate
from hermetic.policy.judge import Judge


@dataclass
class Gates:
    """Makes gates over one directory; `now` is what their clocks show."""

    directory: Path
    now: float = 1_000_000.0
    opened: list[Any] = field(default_factory=list[Any])

    def open(self, judge: Judge, counters: CounterStore | None = None, **options: Any) -> Gate:
        if counters is None:
            counters = SqliteCounters(self.directory)
            self.keep(counters)
        approvals = self.keep(ApprovalStore(self.directory))
        audit = options.pop("audit", None) or self.keep(AuditLog(self.directory / "audit"))
        return Gate(lambda: judge, counters, approvals, audit, clock=lambda: self.now, **options)

    def keep(self, opened: Any) -> Any:
        self.opened.append(opened)
        return opened

    def records(self) -> list[dict[str, Any]]:
        """What the audit log says so far."""
        files = segments(self.directory / "audit")
        return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One for all tests, which use counters of their own."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(params=["memory", "sqlite", "redis"])
def counters(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CounterStore]:
    """Each kind of store, empty."""
    if request.param == "memory":
        yield MemoryCounters()
        return
    if request.param == "sqlite":
        store = SqliteCounters(tmp_path / "data")
    else:
        server: RedisServer = request.getfixturevalue("redis")
        store = RedisCounters(server.url, answer_seconds=PATIENCE_SECONDS)
        store._client.flushdb()
    yield store
    store.close()


@pytest.fixture
def gates(tmp_path: Path) -> Iterator[Gates]:
    gates = Gates(tmp_path / "data")
    yield gates
    for each in gates.opened:
        each.close()
