"""A kernel with every kind of filesystem, over a folder of the host that must stay as it is."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from guest_arguments import OPEN_FILES
from known_input import KnownInput

from hermetic_runtime.abi.emscripten.dynamic_linking import Opened
from hermetic_runtime.errors import LinkError
from hermetic_runtime.kernel.clock import Clock
from hermetic_runtime.kernel.constants import AT_FDCWD, O_CREAT, O_RDWR
from hermetic_runtime.kernel.devices import DeviceFilesystem
from hermetic_runtime.kernel.host import HostFilesystem
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.memory import MemoryFilesystem
from hermetic_runtime.kernel.overlay import OverlayFilesystem
from hermetic_runtime.kernel.quota import Quota
from hermetic_runtime.kernel.streams import OutputBudget, OutputStream
from hermetic_runtime.kernel.wakeup import Wakeup

_DISK_BYTES, _FILES = 1024 * 1024, 60


class WatchedKernel:
    """`kernel` and what is checked of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder_fd = os.open(folder, os.O_RDONLY)
        self._before = _contents(folder)
        self._quota = Quota(_DISK_BYTES, _FILES)
        self.kernel = self._new_kernel(self._quota)

    def _new_kernel(self, quota: Quota) -> Kernel:
        budget, wakeup = OutputBudget(100_000), Wakeup()
        wakeup.deadline = 0.0
        kernel = Kernel(
            mounts={
                b"/": MemoryFilesystem(quota),
                b"/dev": DeviceFilesystem(),
                b"/host": HostFilesystem(self._folder_fd),
                b"/out": OverlayFilesystem(HostFilesystem(self._folder_fd), quota),
            },
            quota=quota,
            open_files=OPEN_FILES,
            stdin=KnownInput(b"input" * 100),
            stdout=OutputStream("stdout", budget, lambda *_: None),
            stderr=OutputStream("stderr", budget, lambda *_: None),
            wakeup=wakeup,
            clock=Clock(),
            cwd=b"/",
        )
        kernel.mkdir(AT_FDCWD, b"/tmp", 0o777)
        kernel.write(kernel.open(AT_FDCWD, b"/tmp/a", O_CREAT | O_RDWR, 0o666), b"contents" * 99)
        kernel.symlink(b"a", AT_FDCWD, b"/tmp/link")
        return kernel

    def broken_bounds(self) -> str | None:
        """Which limit was passed, if one was."""
        quota = self._quota
        if 0 <= quota.bytes_used <= _DISK_BYTES and 0 <= quota.files_used <= _FILES:
            return None
        return f"{quota.bytes_used:,} bytes and {quota.files_used} files are used"

    def close(self) -> str | None:
        """What was done to the folder of the host, if anything was."""
        self.kernel.close_all()
        os.close(self._folder_fd)
        return None if _contents(self._folder) == self._before else "the host's folder changed"


class OddLinker:
    """Has no library, or has it at a place of the guest's choosing."""

    def open_at(self, path: str, *, for_everyone: bool) -> Opened:
        if for_everyone:
            raise LinkError(f"no {path}")
        return Opened(0, 2**32 - 1, 0, 2**32 - 1)

    def symbol(self, path: str | None, name: str) -> int:
        raise LinkError(f"no {name} in {path}")


def _contents(folder: Path) -> dict[str, tuple[int, str]]:
    return {
        str(path): (path.lstat().st_mode, path.read_text() if path.is_file() else "")
        for path in sorted(folder.rglob("*"))
    }


@contextmanager
def hosted_folder() -> Iterator[Path]:
    """A folder as a caller may mount it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "d").mkdir()
        (folder / "d" / "inner").write_text("inner")
        (folder / "file").write_text("contents")
        (folder / "link").symlink_to("../../../etc/passwd")
        yield folder
