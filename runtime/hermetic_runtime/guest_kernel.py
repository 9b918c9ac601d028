"""The kernel of one guest, with its files, its streams, and what bounds them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from hermetic_runtime.environments import LoadedEnvironment
from hermetic_runtime.filesystems import GuestFilesystems
from hermetic_runtime.kernel.clock import Clock
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.quota import Quota
from hermetic_runtime.kernel.streams import OutputBudget, OutputStream, QueueInput
from hermetic_runtime.kernel.wakeup import Wakeup
from hermetic_runtime.requests import GuestSettings


class GuestKernel:
    """`deliver` and `request_input` are called in the thread of the guest."""

    def __init__(
        self,
        environment: LoadedEnvironment,
        settings: GuestSettings,
        *,
        deliver: Callable[[str, bytes], None],
        request_input: Callable[[], None],
    ) -> None:
        limits = settings.limits
        self._deliver_to = deliver
        self._request_from = request_input
        self._budget = OutputBudget(limits.output_bytes)
        self.wakeup = Wakeup()
        self.stdin = QueueInput(self.wakeup, self._request_input)
        self.stdout = OutputStream("stdout", self._budget, self._deliver)
        self.stderr = OutputStream("stderr", self._budget, self._deliver)
        self.quota = Quota(limits.disk_bytes, limits.files)
        self.filesystems = GuestFilesystems(
            environment, settings.mounts, self.quota, keep_files=settings.keep_files
        )
        self.kernel = Kernel(
            mounts=self.filesystems.mounts,
            quota=self.quota,
            open_files=limits.open_files,
            stdin=self.stdin,
            stdout=self.stdout,
            stderr=self.stderr,
            wakeup=self.wakeup,
            clock=Clock(),
        )

    def connect(
        self, *, deliver: Callable[[str, bytes], None], request_input: Callable[[], None]
    ) -> None:
        """Have output and input with somebody else."""
        self._deliver_to, self._request_from = deliver, request_input

    def _deliver(self, stream: str, data: bytes) -> None:
        self._deliver_to(stream, data)

    def _request_input(self) -> None:
        self._request_from()

    def adopt(self, settings: GuestSettings) -> None:
        """Hold to other limits than those that it was made with."""
        limits = settings.limits
        self._budget.renew(limits.output_bytes)
        self.quota.disk_bytes, self.quota.files = limits.disk_bytes, limits.files
        self.filesystems.keep_files = settings.keep_files
        self.kernel.table.limit = limits.open_files

    def begin_run(self, output_bytes: int) -> None:
        """Be as before the first run, but for files. Interrupts that came are forgotten."""
        self.wakeup.clear()
        self.kernel.reopen_streams()
        self._budget.renew(output_bytes)
        self.stdin.renew()
        self.stdout.truncated = self.stderr.truncated = False
        self.quota.refused.clear()

    @contextmanager
    def without_quota(self) -> Generator[None]:
        """Let files be put back, however many there were."""
        quota = self.quota
        allowed = quota.disk_bytes, quota.files
        quota.disk_bytes = quota.files = 2**62
        yield
        quota.disk_bytes, quota.files = allowed
