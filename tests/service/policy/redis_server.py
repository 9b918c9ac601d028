"""A real Redis on loopback, of the distribution's package."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_INSTALL = (["apt-get", "update"], ["apt-get", "install", "-y", "redis-server"])
_READY_SECONDS = 60


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
            raise RuntimeError(f"redis-server did not start:\n{''.join(said)}")
        watchdog.cancel()
        watchdog.join()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.communicate()
            self.process = None


@contextmanager
def redis_server(directory: Path) -> Generator[RedisServer]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = RedisServer(port, directory)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _binary() -> str:
    """Raises `RuntimeError` when it is not there and can't be installed."""
    if found := shutil.which("redis-server"):
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        for command in _INSTALL:
            subprocess.run(
                command, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"}, check=False
            )
        if found := shutil.which("redis-server"):
            return found
    raise RuntimeError("these tests need Redis: apt-get install redis-server")
