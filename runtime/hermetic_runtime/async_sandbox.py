"""The forms of `run` and `Sandbox` for asyncio.

Each run is watched by a thread of its own; the event loop is never blocked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from hermetic_runtime.blocking_calls import BlockingCalls
from hermetic_runtime.driver import Isolation, OnOutput
from hermetic_runtime.import_rules import ImportRules
from hermetic_runtime.limits import Limits
from hermetic_runtime.mounts import Mount
from hermetic_runtime.providing import InterpreterName, OnProgress
from hermetic_runtime.request_checks import checked_limits
from hermetic_runtime.results import RunResult
from hermetic_runtime.sandbox import Sandbox, script_metadata

if TYPE_CHECKING:
    from hermetic_runtime.packages.script_metadata import ScriptMetadata
    from hermetic_runtime.packages.settings import PackageSettings

T = TypeVar("T")


async def run_async(
    code: str | bytes,
    *,
    filename: str = "<code>",
    args: Sequence[str] = (),
    stdin: bytes | str | BinaryIO | None = None,
    env: Mapping[str, str] | None = None,
    mounts: Sequence[Mount] = (),
    limits: Limits | None = None,
    out: Path | str | None = None,
    requirements: Sequence[str] = (),
    requirements_files: Sequence[Path] = (),
    interpreter: InterpreterName = "auto",
    packages: PackageSettings | None = None,
    isolation: Isolation = "process",
    capture_value: bool = True,
    inputs: Mapping[str, Any] | None = None,
    files: Mapping[str, bytes] | None = None,
    imports: ImportRules | None = None,
    on_output: OnOutput | None = None,
    on_progress: OnProgress | None = None,
) -> RunResult:
    """`hermetic_runtime.sandbox.run` for asyncio. Cancelling the task ends the guest."""
    script = script_metadata(code)
    if script is not None:
        limits = script.narrow(checked_limits(limits))
    async with AsyncSandbox(
        env=env,
        mounts=mounts,
        limits=limits,
        out=out,
        requirements=requirements,
        requirements_files=requirements_files,
        script=script,
        interpreter=interpreter,
        packages=packages,
        isolation=isolation,
        on_progress=on_progress,
    ) as sandbox:
        return await sandbox.run(
            code,
            filename=filename,
            args=args,
            stdin=stdin,
            capture_value=capture_value,
            inputs=inputs,
            files=files,
            imports=imports,
            on_output=on_output,
            final=True,
        )


class AsyncSandbox:
    """A `Sandbox` for asyncio; its parameters and errors are the same.

    When a task that starts or runs it is cancelled, the sandbox is closed and its guest
    is gone before the cancellation goes on. `on_output` and `on_progress` are called in
    the event loop's thread.
    """

    def __init__(
        self,
        *,
        env: Mapping[str, str] | None = None,
        mounts: Sequence[Mount] = (),
        limits: Limits | None = None,
        out: Path | str | None = None,
        requirements: Sequence[str] = (),
        requirements_files: Sequence[Path] = (),
        script: ScriptMetadata | None = None,
        interpreter: InterpreterName = "auto",
        packages: PackageSettings | None = None,
        isolation: Isolation = "process",
        on_progress: OnProgress | None = None,
    ) -> None:
        self._calls = BlockingCalls()
        self._sandbox = Sandbox(
            env=env,
            mounts=mounts,
            limits=limits,
            out=out,
            requirements=requirements,
            requirements_files=requirements_files,
            script=script,
            interpreter=interpreter,
            packages=packages,
            isolation=isolation,
            on_progress=self._calls.in_loop(on_progress),
        )

    @property
    def closed(self) -> bool:
        """Whether there can be no more runs."""
        return self._sandbox.closed

    async def start(self) -> None:
        """Boot the guest now; otherwise the first run does."""
        await self._in_thread(self._sandbox.start)

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
        files: Mapping[str, bytes] | None = None,
        imports: ImportRules | None = None,
        on_output: OnOutput | None = None,
        final: bool = False,
    ) -> RunResult:
        """Execute `code` in the guest's `__main__`, as `Sandbox.run` does."""
        return await self._in_thread(
            partial(
                self._sandbox.run,
                code,
                filename=filename,
                args=args,
                stdin=stdin,
                limits=limits,
                capture_value=capture_value,
                inputs=inputs,
                files=files,
                imports=imports,
                on_output=self._calls.in_loop(on_output),
                final=final,
            )
        )

    def cancel(self) -> None:
        """End the guest and the run under way, whose outcome is `cancelled`."""
        self._sandbox.cancel()

    async def close(self) -> None:
        """End the guest; when this returns, nothing of it is left."""
        await self._in_thread(self._sandbox.close)

    async def __aenter__(self) -> AsyncSandbox:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _in_thread(self, function: Callable[[], T]) -> T:
        return await self._calls.call(function, self._sandbox.cancel)
