"""The form of `Session` for asyncio.

Whatever waits, for a guest or for the disk, does so in a thread of its own; the event
loop is never blocked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from mmap import mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from hermetic_runtime.blocking_calls import BlockingCalls
from hermetic_runtime.driver import Isolation, OnOutput
from hermetic_runtime.import_rules import ImportRules
from hermetic_runtime.limits import Limits
from hermetic_runtime.providing import InterpreterName, OnProgress
from hermetic_runtime.reported import WorkspaceFile
from hermetic_runtime.results import RunResult
from hermetic_runtime.sessions.records import CheckpointRecord, SessionRecord
from hermetic_runtime.sessions.session import LEASE_WAIT_SECONDS, Session
from hermetic_runtime.sessions.workspace import Workspace

if TYPE_CHECKING:
    from hermetic_runtime.packages.settings import PackageSettings

T = TypeVar("T")


class AsyncSession:
    """A `Session` for asyncio; its parameters and errors are the same.

    When a task that runs something in it is cancelled, the run is ended, and the session
    is as it was before that run when the cancellation goes on. `on_output` and
    `on_progress` are called in the event loop's thread.
    """

    def __init__(self, session: Session, calls: BlockingCalls | None = None) -> None:
        """Of a `Session` that nothing else uses. `create` and `open` make one."""
        self._session = session
        self._calls = calls or BlockingCalls()
        self.files = AsyncSessionFiles(session, self._calls)

    @classmethod
    async def create(
        cls,
        name: str | None = None,
        *,
        owner: str = "",
        env: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        requirements: Sequence[str] = (),
        interpreter: InterpreterName = "auto",
        packages: PackageSettings | None = None,
        isolation: Isolation = "process",
        on_progress: OnProgress | None = None,
        directory: Path | None = None,
    ) -> AsyncSession:
        """As `Session.create`."""
        calls = BlockingCalls()
        return await cls._made(
            calls,
            partial(
                Session.create,
                name,
                owner=owner,
                env=env,
                limits=limits,
                requirements=requirements,
                interpreter=interpreter,
                packages=packages,
                isolation=isolation,
                on_progress=calls.in_loop(on_progress),
                directory=directory,
            ),
        )

    @classmethod
    async def open(
        cls,
        id_or_name: str,
        *,
        owner: str = "",
        wait_seconds: float = LEASE_WAIT_SECONDS,
        isolation: Isolation = "process",
        directory: Path | None = None,
    ) -> AsyncSession:
        """As `Session.open`."""
        return await cls._made(
            BlockingCalls(),
            partial(
                Session.open,
                id_or_name,
                owner=owner,
                wait_seconds=wait_seconds,
                isolation=isolation,
                directory=directory,
            ),
        )

    @classmethod
    async def _made(cls, calls: BlockingCalls, make: Callable[[], Session]) -> AsyncSession:
        made: list[Session] = []
        try:
            await calls.call(lambda: made.append(make()), lambda: None)
        except asyncio.CancelledError:
            for session in made:
                session.close()
            raise
        return cls(made[0], calls)

    @property
    def id(self) -> str:
        """As `Session.id`."""
        return self._session.id

    @property
    def name(self) -> str:
        """As `Session.name`."""
        return self._session.name

    @property
    def record(self) -> SessionRecord:
        """As `Session.record`."""
        return self._session.record

    @property
    def closed(self) -> bool:
        """As `Session.closed`."""
        return self._session.closed

    @property
    def is_live(self) -> bool:
        """Whether it has a guest, and so takes memory."""
        return self._session.is_live

    @property
    def workspace(self) -> Workspace:
        """The folder itself, whose methods wait for the disk. A live guest may not see what
        changes in it: see `files`.
        """
        return self._session.workspace

    async def run(
        self,
        code: str | bytes,
        *,
        filename: str = "<code>",
        args: Sequence[str] = (),
        stdin: bytes | str | BinaryIO | None = None,
        limits: Limits | None = None,
        capture_value: bool = True,
        inputs: Mapping[str, Any] | None = None,
        imports: ImportRules | None = None,
        on_output: OnOutput | None = None,
    ) -> RunResult:
        """Execute `code`, as `Session.run` does."""
        return await self._in_thread(
            partial(
                self._session.run,
                code,
                filename=filename,
                args=args,
                stdin=stdin,
                limits=limits,
                capture_value=capture_value,
                inputs=inputs,
                imports=imports,
                on_output=self._calls.in_loop(on_output),
            )
        )

    async def wake(self) -> None:
        """Start the guest now; otherwise the next run does."""
        await self._in_thread(self._session.wake)

    async def fork(self, name: str | None = None) -> SessionRecord:
        """A copy, workspace and all; `open` opens it."""
        return await self._in_thread(partial(self._session.fork, name))

    async def checkpoint(self, name: str) -> None:
        """Keep what the session is now under `name`."""
        await self._in_thread(partial(self._session.checkpoint, name))

    async def drop_checkpoint(self, name: str) -> None:
        """Forget a checkpoint."""
        await self._in_thread(partial(self._session.drop_checkpoint, name))

    async def checkpoints(self) -> list[CheckpointRecord]:
        """The oldest first."""
        return await self._in_thread(self._session.checkpoints)

    async def restore(self, checkpoint: str) -> None:
        """Go back to a checkpoint, which stays."""
        await self._in_thread(partial(self._session.restore, checkpoint))

    async def restart(self) -> None:
        """Go on without the variables."""
        await self._in_thread(self._session.restart)

    async def hibernate(self) -> None:
        """End the guest. The next run wakes it."""
        await self._in_thread(self._session.hibernate)

    def cancel(self) -> None:
        """End the run under way. The session is then as it was before that run."""
        self._session.cancel()

    async def close(self) -> None:
        """Hibernate, and let others open the session. May be called again."""
        await self._in_thread(self._session.close)

    async def delete(self) -> None:
        """Remove the session with its files and checkpoints."""
        await self._in_thread(self._session.delete)

    async def __aenter__(self) -> AsyncSession:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _in_thread(self, function: Callable[[], T]) -> T:
        return await self._calls.call(function, self._session.cancel)


class AsyncSessionFiles:
    """`Session.files` for asyncio."""

    def __init__(self, session: Session, calls: BlockingCalls) -> None:
        self._session = session
        self._calls = calls

    async def put(self, path: str, data: bytes | mmap) -> None:
        """As `SessionFiles.put`."""
        await self._in_thread(partial(self._session.files.put, path, data))

    async def get(self, path: str) -> bytes:
        """As `SessionFiles.get`."""
        return await self._in_thread(partial(self._session.files.get, path))

    async def list(self) -> list[WorkspaceFile]:
        """All files, by path."""
        return await self._in_thread(self._session.files.list)

    async def remove(self, path: str) -> None:
        """As `SessionFiles.remove`."""
        await self._in_thread(partial(self._session.files.remove, path))

    async def _in_thread(self, function: Callable[[], T]) -> T:
        return await self._calls.call(function, lambda: None)
