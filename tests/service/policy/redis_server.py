"""A real Redis on loopback, of the distribution's package."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_APT_GET = ("apt-get", "-o", "Acquire::Retries=5", "-o", "DPkg::Lock::Timeout=240")
_INSTALL = ([*_APT_GET, "update"], [*_APT_GET, "install", "-y", "redis-server"])
_READY_SECONDS = 240
_ATTEMPTS = 20
_PORTS = range(20_000, 32_000)
"""None of them is ever taken by a connection that goes out, so that one which was free to
start with is free to start again.
"""


@dataclass
class RedisServer:
    """`stop` and `start` are for tests of what happens while nobody answers."""

    port: int
    directory: Path
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Returns when it takes connections."""
        self.process = process = subprocess.Popen(
            [
                _binary(),
                *("--port", str(self.port)),
                *("--bind", "127.0.0.1"),
                *("--dir", str(self.directory)),
                *("--save", ""),
                *("--daemonize", "no"),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        watchdog = threading.Timer(_READY_SECONDS, process.kill)
        watchdog.start()
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if "Ready to accept connections" in line:
                break
        else:
            self.stop()
        watchdog.cancel()
        watchdog.join()
        if self.process is None:
            raise RuntimeError(f"redis-server did not start:\n{''.join(said)}")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.communicate()
            self.process = None


@contextmanager
def redis_server(directory: Path) -> Generator[RedisServer]:
    server = _started(directory)
    try:
        yield server
    finally:
        server.stop()


def _started(directory: Path) -> RedisServer:
    """On a port that is free."""
    for attempt in reversed(range(_ATTEMPTS)):
        server = RedisServer(random.choice(_PORTS), directory)
        try:
            server.start()
        except RuntimeError:
            if not attempt or shutil.which("redis-server") is None:
                raise
        else:
            return server
    raise AssertionError("there is at least one attempt")


def _binary() -> str:
    """Installed if need be, by one of the processes that test at the same time, while the
    others wait for it. Raises `RuntimeError` when it is not there and can't be installed.
    """
    with Path(tempfile.gettempdir(), "hermetic-tests-install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.geteuid() == 0 and shutil.which("apt-get"):
            _install()
        if found := shutil.which("redis-server"):
            return found
    raise RuntimeError("these tests need Redis: apt-get install redis-server")


def _install() -> None:
    for command in _INSTALL:
        if shutil.which("redis-server") is None:
            environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
            subprocess.run(command, env=environment, check=False)
