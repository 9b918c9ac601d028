"""Run untrusted Python: `run` for one piece of code, `Sandbox` for several in a row.

The forms for asyncio are in `hermetic_runtime.async_sandbox`.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.driver import GuestSource, Isolation, OnOutput
from hermetic_runtime.errors import InstallError, SandboxClosed
from hermetic_runtime.import_rules import ImportRules
from hermetic_runtime.input_source import InputSource, open_input
from hermetic_runtime.limits import Limits
from hermetic_runtime.mounts import Mount
from hermetic_runtime.providing import InterpreterName, OnProgress, WantedEnvironment
from hermetic_runtime.request_bounds import WORKSPACE
from hermetic_runtime.request_checks import (
    check_isolation,
    checked_environment,
    checked_folder,
    checked_limits,
    checked_mounts,
    checked_request,
    narrowed_limits,
)
from hermetic_runtime.requests import RunReport, RunRequest
from hermetic_runtime.results import RunResult, Timings
from hermetic_runtime.run_results import install_error_result, run_result
from hermetic_runtime.sandbox_guest import GuestPlan, SandboxGuest

if TYPE_CHECKING:
    from hermetic_runtime.packages.script_metadata import ScriptMetadata
    from hermetic_runtime.packages.settings import PackageSettings


def run(
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
    """Execute `code` in a sandbox of its own, which ends with it.

    What the code says of itself in a metadata block (PEP 723) is heeded: what it requires
    is installed, and limits are made narrower. The parameters are those of `Sandbox` and
    `Sandbox.run`, and so are the errors.
    """
    script = script_metadata(code)
    if script is not None:
        limits = script.narrow(checked_limits(limits))
    with Sandbox(
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
        return sandbox.run(
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


def script_metadata(code: str | bytes) -> ScriptMetadata | None:
    """What a script says of itself, None for one without a metadata block.

    Raises `InvalidScript` when the block is wrong.
    """
    if (b"# /// " if isinstance(code, bytes) else "# /// ") not in code:  # pyright: ignore[reportOperatorIssue]
        return None
    from hermetic_runtime.packages.script_metadata import read_script_metadata

    return read_script_metadata(code)


class Sandbox:
    """One guest, which keeps its state from run to run.

    `env` is added to the guest's environment, `mounts` are host directories that it
    sees, `limits` bound it and each of its runs. `out` is a host
    directory that gets, after each run, the files that it made in /workspace and its
    displays; without it the result only lists the files. `requirements` (PEP 508),
    `requirements_files` and the metadata block of a `script` say which packages it has,
    and `packages` how they are come by. With `isolation="process"` the guest
    lives in an OS process of its own; with `"shared"` in this one. The interpreter is
    prepared when that has not been done on this machine, which takes seconds;
    `on_progress` is told about it. With `spares` a guest that was started ahead is taken
    where there is one, and closing leaves the end of the guest to the pool.

    A context manager; closing is certain. One thread runs at a time, and others wait;
    `cancel` may be called from any thread. Raises `InvalidInput` for what can't be.
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
        spares: GuestSource | None = None,
    ) -> None:
        check_isolation(isolation)
        self._limits = checked_limits(limits)
        self._mounts = checked_mounts(mounts)
        self._guest = SandboxGuest(
            GuestPlan(
                wanted=WantedEnvironment(
                    interpreter, tuple(requirements), tuple(requirements_files), script, packages
                ),
                limits=self._limits,
                variables=checked_environment(env),
                mounts=self._mounts,
                out=checked_folder(out),
                isolation=isolation,
                on_progress=on_progress,
                spares=spares,
            )
        )
        self._owner = os.getpid()
        self._lock = threading.RLock()
        self._closed_because: str | None = None

    @property
    def closed(self) -> bool:
        """Whether there can be no more runs."""
        return self._closed_because is not None

    def start(self) -> None:
        """Boot the guest now; otherwise the first run does. Nothing if it has booted.

        Raises `PreparationError` and `ImageError` when the interpreter can't be made
        ready, `SandboxCrashed` when the guest can't boot, and `SandboxClosed`.
        """
        with self._lock:
            self._check_open()
            if not self._guest.is_started:
                self._guest.start(b"")

    def run(
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
        """Execute `code` in the guest's `__main__`, with what earlier runs left there.

        Bytes are decoded as Python decodes a file. `args` is what follows the filename
        in `sys.argv`. `stdin` is read only when the guest reads; a pipe or a terminal
        is read through its descriptor. `limits` may be narrower than the sandbox's.
        `inputs` (JSON values) become globals, and `files` are written below /workspace,
        before the code starts. `imports` are what it may import: advice, not a wall.
        `on_output` is called with the name of a stream and bytes as they come.
        Without `capture_value` the last expression's value is dropped. A `final` run
        calls exit functions and closes the sandbox.

        `sys.exit` ends the run; a guest that is lost (a trap, `os._exit`, an interpreter
        that can't answer any more, a limit that cut it off) closes the sandbox, and the
        result says so by its outcome. What the
        guest changed in writable mounts is written back when the run has ended.

        Raises `InvalidInput` before anything starts, `SandboxClosed` after the guest
        ended, and what `start` raises. Whatever `on_output` or `stdin` raise ends the
        run and closes the sandbox; so does KeyboardInterrupt, after the guest was told.
        """
        request = checked_request(
            code,
            filename=filename,
            args=args,
            limits=narrowed_limits(limits, self._limits),
            final=final,
            capture_value=capture_value,
            inputs=inputs,
            files=files,
            imports=imports,
            followed=on_output is not None,
        )
        output = CapturedOutput(request.limits.output_bytes, on_output)
        return self._carry_out(request, output, open_input(stdin))

    def _carry_out(
        self, request: RunRequest, output: CapturedOutput, source: InputSource
    ) -> RunResult:
        """As `run`, of what was checked already. Goes on with what was begun."""
        with self._lock:
            guest = self._guest
            first = guest.has_begun or not guest.is_started
            if not guest.has_begun:
                self._check_open()
            if not guest.is_started:
                try:
                    guest.start(request.source)
                except InstallError as error:
                    self._close("its packages could not be installed")
                    return install_error_result(error)
            try:
                driven, written = guest.run(request, output, source, first=first)
            except BaseException as error:
                self._close(f"its last run was broken off by {type(error).__name__}")
                raise
            seconds = time.perf_counter() - guest.run_began
            result = run_result(
                self._without_mounted_files(driven.report),
                written=written,
                output=output,
                timings=guest.timings.with_run(seconds) if first else Timings(run=seconds),
                interpreter=guest.interpreter,
                packages=guest.packages,
                notes=guest.notes if first else (),
            )
            if request.final:
                self._close("its final run has ended")
            elif not driven.report.alive:
                self._close(f"its guest ended in a run with outcome {driven.report.outcome}")
            return result

    def _without_mounted_files(self, report: RunReport) -> RunReport:
        """Files in a mount of the caller's are the mount's to tell."""
        if all(mount.guest != WORKSPACE for mount in self._mounts):
            return report
        return report._replace(files=(), files_omitted=0)

    def cancel(self) -> None:
        """End the guest and the run under way, whose outcome is `cancelled`.

        Any thread may call this. The sandbox is closed by it.
        """
        if self._owner == os.getpid():
            self._closed_because = self._closed_because or "it was cancelled"
            self._guest.cancel()

    def close(self) -> None:
        """End the guest; when this returns, nothing of it is left. May be called again.

        A run under way in another thread is cancelled.
        """
        self._closed_because = self._closed_because or "it was closed"
        if not self._lock.acquire(blocking=False):
            self.cancel()
            self._lock.acquire()
        try:
            self._guest.release()
        finally:
            self._lock.release()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._owner != os.getpid():
            raise SandboxClosed(
                "the sandbox belongs to the process that this one was forked from",
                hint="Make one in this process.",
            )
        if self._closed_because is not None:
            raise SandboxClosed(
                f"the sandbox is closed: {self._closed_because}",
                hint="It stays closed: make another one.",
            )

    def _close(self, reason: str) -> None:
        self._closed_because = self._closed_because or reason
        self._guest.release()
