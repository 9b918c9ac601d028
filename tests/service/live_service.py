"""A service on loopback, started as a user starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from command_line import COMMAND
from conditions import comes_true

PATIENCE_SECONDS = 240
"""How long a client waits for a service on the busiest machine."""


@dataclass
class LiveService:
    """A running `hermetic serve`. `log` grows while it runs."""

    url: str
    process: subprocess.Popen[str]
    log: list[dict[str, Any]] = field(default_factory=list)

    def client(self, **options: Any) -> httpx2.Client:
        return httpx2.Client(
            base_url=self.url, timeout=PATIENCE_SECONDS, trust_env=False, **options
        )

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)


def service_places(data: Path) -> dict[str, str]:
    """Where a service keeps what is its own, sessions included."""
    state = data.with_name(f"{data.name}-state")
    return {"HERMETIC_DATA_DIRECTORY": str(data), "HERMETIC_STATE_DIR": str(state)}


def _parsed(line: str) -> dict[str, Any]:
    """A line of the log; `from` is "nobody" for one that is not JSON."""
    try:
        return json.loads(line)
    except ValueError:
        return {"from": "nobody", "message": line}


@contextmanager
def live_service(data: Path, *arguments: str, **settings: object) -> Generator[LiveService]:
    """`settings` are those of `ServiceSettings`."""
    environment = {f"HERMETIC_{name.upper()}": str(value) for name, value in settings.items()}
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", *arguments],
        env=os.environ | service_places(data) | environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    lines = iter(process.stderr)
    service = LiveService("", process)
    reader = threading.Thread(target=lambda: service.log.extend(map(_parsed, lines)))
    try:
        for line in lines:
            service.log.append(_parsed(line))
            if service.log[-1]["message"] == "listening":
                service.url = service.log[-1]["url"]
                break
        assert service.url, service.log
        reader.start()
        with service.client(transport=httpx2.HTTPTransport(retries=5)) as client:
            assert comes_true(lambda: client.get("/readyz").status_code == 200, PATIENCE_SECONDS)
        yield service
    finally:
        process.kill()
        process.wait()
        if reader.ident is not None:
            reader.join()
        process.stderr.close()
