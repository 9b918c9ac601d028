"""`hermetic serve`: the application on a socket, until a signal ends it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from types import FrameType

import uvicorn

from hermetic.database import Database
from hermetic.environments import Environments
from hermetic.errors import InvalidInput
from hermetic.http.application import application
from hermetic.http.callers import by_key, is_loopback, local_without_key
from hermetic.http.connections import ConnectionBounds, connection_class
from hermetic.http.descriptors import allow_descriptors
from hermetic.http.service import Service
from hermetic.kept_answers import KeptAnswers
from hermetic.kept_files import KeptFiles
from hermetic.kept_runs import KeptRuns
from hermetic.keys import KeyStore
from hermetic.logs import log_to_stderr
from hermetic.measurements import Measurements
from hermetic.policy.enforcing import enforced
from hermetic.runs import RunService
from hermetic.settings import ServiceSettings
from hermetic.tracing import tracing_for

_log = logging.getLogger("hermetic.http")
_BACKLOG = 2048
_LAST_SECONDS = 5


def serve(settings: ServiceSettings, *, needs_key: bool = True) -> int:
    """Until SIGTERM or SIGINT; the exit status. Changes limits of this process.

    Raises `InvalidInput` for an address that can't be used, and for any but loopback
    when no key is needed, and `StorageError`.
    """
    if not needs_key and not is_loopback(settings.host):
        raise InvalidInput(
            f"without keys the service can't be reached from other machines: {settings.host}",
            hint="Leave out --no-key, and make a key with `hermetic key create NAME`.",
        )
    log_to_stderr()
    allow_descriptors(settings)
    tracing = tracing_for(os.environ)
    database = Database(settings.data_directory)
    stack = ExitStack()
    try:
        keys = KeyStore(database)
        measurements = Measurements()
        runs = RunService(settings, measurements)
        runs.tracing = tracing
        files = KeptFiles(database, settings)
        kept = KeptRuns(database, runs, files, settings)
        answers = KeptAnswers(database, settings)
        authenticate = by_key(keys.authenticate) if needs_key else local_without_key
        policy = stack.enter_context(enforced(settings, measurements))
        service = Service(
            settings,
            authenticate,
            runs,
            kept,
            files,
            answers,
            Environments(),
            measurements,
            needs_key,
            policy,
        )

        app = application(service, keys.grant)
        with _listen(settings) as listening:
            bounds = ConnectionBounds(
                settings.connections, settings.head_wait_seconds, measurements
            )
            config = uvicorn.Config(
                app if tracing is None else tracing.around(app),
                http=connection_class(bounds),
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=int(settings.shutdown_seconds) + _LAST_SECONDS,
            )
            host, port = listening.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            _log.warning("listening", extra={"url": f"http://{shown}:{port}"})
            _Server(config, runs).run([listening])
            _log.warning("stopped")
    finally:
        stack.close()
        database.close()
        if tracing is not None:
            tracing.close()
    return 0


def _obey_nothing(_number: int, _frame: FrameType | None) -> None:
    return


class _Server(uvicorn.Server):
    """Takes no more runs from the moment that it is told to end, not when all have left."""

    def __init__(self, config: uvicorn.Config, runs: RunService) -> None:
        super().__init__(config)
        self._runs = runs

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """A signal is obeyed by ending in order, and not raised again after that."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _obey_nothing)
        with super().capture_signals():
            yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._runs.stop())
            tasks.create_task(super().shutdown(sockets))


def _listen(settings: ServiceSettings) -> socket.socket:
    try:
        listening = socket.create_server(
            (settings.host, settings.port),
            family=socket.AF_INET6 if ":" in settings.host else socket.AF_INET,
            backlog=_BACKLOG,
        )
        # Accepted sockets inherit it. asyncio sets it only on sockets whose protocol is named,
        # and without it the body of an answer waits for the caller to acknowledge its head.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if sys.platform == "linux":
            # A caller who takes nothing of its answer is given up, as one who sends nothing is.
            patience = round(settings.body_wait_seconds * 1000)
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, patience)
        return listening
    except OSError as error:
        raise InvalidInput(
            f"{settings.host} port {settings.port} can't be listened on: {error.strerror or error}",
            hint="Choose others with --host and --port.",
        ) from error
