"""A service with a policy, whose time a test sets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import uvicorn
from live_service import PATIENCE_SECONDS

from hermetic.database import Database
from hermetic.environments import Environments
from hermetic.http.application import application
from hermetic.http.callers import by_key, local_without_key
from hermetic.http.service import Service
from hermetic.kept_answers import KeptAnswers
from hermetic.kept_files import KeptFiles
from hermetic.kept_runs import KeptRuns
from hermetic.keys import KeyStore
from hermetic.measurements import Measurements
from hermetic.policy.enforcing import open_policy
from hermetic.policy.gate_settings import GateSettings
from hermetic.runs import RunService
from hermetic.settings import ServiceSettings

NOON = 1_772_366_400.0
"""The beginning of a minute, an hour and a window of any other length that divides a day."""


@dataclass
class Clock:
    now: float = NOON

    def __call__(self) -> float:
        return self.now


@dataclass
class JudgedService:
    url: str
    service: Service

    def client(self) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, timeout=PATIENCE_SECONDS, trust_env=False)


@contextmanager
def judged_service(
    policy: Path, data: Path, clock: Clock, *, tool: str, needs_key: bool = False
) -> Generator[JudgedService]:
    """On loopback, in a thread of this process, until it is left."""
    settings = ServiceSettings(
        data_directory=data, concurrency=2, spares=1, policy=policy, tool_name=tool
    )
    database = Database(data)
    keys = KeyStore(database)
    measurements = Measurements()
    runs = RunService(settings, measurements)
    files = KeptFiles(database, settings)
    kept = KeptRuns(database, runs, files, settings)
    authenticate = by_key(keys.authenticate) if needs_key else local_without_key
    gate = GateSettings(data_directory=data)
    with (
        open_policy(policy, gate, tool=tool, clock=clock) as enforced,
        socket.create_server(("127.0.0.1", 0)) as listening,
    ):
        service = Service(
            settings,
            authenticate,
            runs,
            kept,
            files,
            KeptAnswers(database, settings),
            Environments(),
            measurements,
            needs_key,
            policy=enforced,
        )
        config = uvicorn.Config(application(service, keys.grant), log_config=None)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: server.run([listening]))
        thread.start()
        try:
            yield JudgedService(f"http://127.0.0.1:{listening.getsockname()[1]}", service)
        finally:
            server.should_exit = True
            thread.join()
            database.close()
