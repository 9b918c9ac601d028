"""What the kernel's tests share."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager

import pytest
from known_input import KnownInput

from hermetic_runtime.kernel.clock import Clock
from hermetic_runtime.kernel.constants import AT_FDCWD, O_CREAT, O_DIRECTORY, O_TRUNC, O_WRONLY
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.filesystem import Filesystem
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.quota import Quota
from hermetic_runtime.kernel.streams import InputStream, OutputBudget, OutputStream
from hermetic_runtime.kernel.wakeup import Wakeup

MIB = 1024 * 1024


@contextmanager
def fails_with(errno: Errno) -> Generator[None]:
    with pytest.raises(Failure) as caught:
        yield
    assert caught.value.errno is errno


def new_kernel(
    *,
    mounts: Mapping[bytes, Filesystem] | None = None,
    quota: Quota | None = None,
    open_files: int = 64,
    stdin: InputStream | None = None,
    output: dict[str, bytes] | None = None,
    wakeup: Wakeup | None = None,
    cwd: bytes = b"/",
) -> Kernel:
    collected = {} if output is None else output

    def deliver(name: str, data: bytes) -> None:
        collected[name] = collected.get(name, b"") + data

    budget = OutputBudget(MIB)
    return Kernel(
        mounts=mounts or {},
        quota=quota or Quota(16 * MIB, 1000),
        open_files=open_files,
        stdin=stdin or KnownInput(),
        stdout=OutputStream("stdout", budget, deliver),
        stderr=OutputStream("stderr", budget, deliver),
        wakeup=wakeup or Wakeup(),
        clock=Clock(),
        cwd=cwd,
    )


def write_file(kernel: Kernel, path: bytes, data: bytes = b"", mode: int = 0o644) -> None:
    fd = kernel.open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode)
    try:
        assert kernel.write(fd, data) == len(data)
    finally:
        kernel.close(fd)


def read_file(kernel: Kernel, path: bytes) -> bytes:
    fd = kernel.open(AT_FDCWD, path, 0, 0)
    try:
        contents = b""
        while piece := bytes(kernel.read(fd, MIB)):
            contents += piece
        return contents
    finally:
        kernel.close(fd)


def names_in(kernel: Kernel, path: bytes) -> list[bytes]:
    """Sorted, without the two that every directory has."""
    fd = kernel.open(AT_FDCWD, path, O_DIRECTORY, 0)
    try:
        found: list[bytes] = []
        while entries := kernel.read_directory(fd, 3):
            found += [entry.name for entry in entries]
    finally:
        kernel.close(fd)
    assert found[:2] == [b".", b".."]
    return sorted(found[2:])


def exists(kernel: Kernel, path: bytes) -> bool:
    try:
        kernel.stat(AT_FDCWD, path, follow=False)
    except Failure as failure:
        if failure.errno is not Errno.ENOENT:
            raise
        return False
    return True
