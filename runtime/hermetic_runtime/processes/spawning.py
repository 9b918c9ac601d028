"""Guest processes without a zygote: each is started anew. Works on every POSIX system."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from hermetic_runtime.environments import Environment
from hermetic_runtime.errors import SandboxCrashed
from hermetic_runtime.processes.launching import LaunchedProcess, ProcessEnd
from hermetic_runtime.processes.programs import start_python

_PROGRAM = "hermetic_runtime.processes.spawned_guest"
_REAPED_BY_OTHERS = ProcessEnd(status=255)
_POLL_SECONDS = 0.002


class SpawnedProcess:
    """A guest process that is a child of this process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._end: ProcessEnd | None = None
        self._lock = threading.Lock()

    def kill(self) -> None:
        with self._lock:
            if self._end is None:
                with suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float) -> ProcessEnd | None:
        deadline = time.monotonic() + timeout
        while not self._reap() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return self._end

    def _reap(self) -> bool:
        """Under the lock: a process id is only this process's until it is reaped."""
        with self._lock:
            if self._end is None:
                try:
                    pid, status, usage = os.wait4(self.pid, os.WNOHANG)
                except ChildProcessError:
                    self._end = _REAPED_BY_OTHERS
                    return True
                if pid:
                    self._end = ProcessEnd(
                        os.waitstatus_to_exitcode(status),
                        usage.ru_utime + usage.ru_stime,
                        usage.ru_maxrss * 1024,
                    )
            return self._end is not None

    def close(self) -> None:
        """Nothing is held once it is reaped."""


class SpawnLauncher:
    """Starts a Python for each guest process; it loads the interpreter itself."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def launch(self, connect: Callable[[], socket.socket], *, alone: bool) -> LaunchedProcess:
        try:
            with connect() as guest_end, open(os.devnull, "wb") as log:
                encoded = self._environment.encode().hex()
                return SpawnedProcess(
                    start_python(_PROGRAM, encoded, guest_end.fileno(), log.fileno())
                )
        except OSError as error:
            raise SandboxCrashed(f"a guest process can't be started: {error.strerror}") from error
