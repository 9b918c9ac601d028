"""A guest's tree of files is no deeper, and its paths no longer, than a host can walk."""

from __future__ import annotations

import pytest
from kernel_checks import MIB, fails_with, new_kernel

from hermetic_runtime.kernel.constants import AT_FDCWD, O_CREAT, O_WRONLY
from hermetic_runtime.kernel.empty import EmptyFilesystem
from hermetic_runtime.kernel.errno import Errno
from hermetic_runtime.kernel.filesystem import Filesystem
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.memory import MemoryFilesystem
from hermetic_runtime.kernel.overlay import OverlayFilesystem
from hermetic_runtime.kernel.quota import Quota
from hermetic_runtime.kernel.tree_bounds import LEVELS_MAX, PATH_BYTES_MAX


@pytest.fixture(params=["memory", "overlay"])
def kernel(request: pytest.FixtureRequest) -> Kernel:
    """Its working folder is the root of the filesystem."""
    quota = Quota(16 * MIB, 10_000)
    filesystem: Filesystem = MemoryFilesystem(quota)
    if request.param == "overlay":
        filesystem = OverlayFilesystem(EmptyFilesystem(), quota)
    kernel = new_kernel(quota=quota, mounts={b"/w": filesystem})
    kernel.chdir(b"/w")
    return kernel


def go_down(kernel: Kernel, name: bytes, levels: int) -> None:
    """Make folders in one another, each the working folder by then."""
    for _ in range(levels):
        kernel.mkdir(AT_FDCWD, name, 0o755)
        kernel.chdir(name)


def test_folders_are_in_one_another_only_so_deep(kernel: Kernel) -> None:
    go_down(kernel, b"d", LEVELS_MAX)

    with fails_with(Errno.ENAMETOOLONG):
        kernel.mkdir(AT_FDCWD, b"d", 0o755)
    with fails_with(Errno.ENAMETOOLONG):
        kernel.open(AT_FDCWD, b"f", O_CREAT | O_WRONLY, 0o644)
    with fails_with(Errno.ENAMETOOLONG):
        kernel.symlink(b"target", AT_FDCWD, b"l")


def test_paths_have_a_length(kernel: Kernel) -> None:
    name = b"d" * 255
    go_down(kernel, name, PATH_BYTES_MAX // 256 - 1)

    kernel.open(AT_FDCWD, name, O_CREAT | O_WRONLY, 0o644)
    go_down(kernel, b"d", 1)
    with fails_with(Errno.ENAMETOOLONG):
        kernel.mkdir(AT_FDCWD, name, 0o755)


def test_what_is_moved_takes_its_depth_with_it(kernel: Kernel) -> None:
    half = LEVELS_MAX // 2
    go_down(kernel, b"a", half)
    kernel.chdir(b"/w")
    go_down(kernel, b"b", half + 1)
    kernel.chdir(b"/w")

    with fails_with(Errno.ENAMETOOLONG):
        kernel.rename(AT_FDCWD, b"b", AT_FDCWD, b"a/" * half + b"b")
    kernel.rename(AT_FDCWD, b"b", AT_FDCWD, b"a/" * (half - 1) + b"b")


def test_what_is_refused_costs_nothing() -> None:
    quota = Quota(16 * MIB, 10_000)
    kernel = new_kernel(quota=quota)
    go_down(kernel, b"d", LEVELS_MAX)
    before = quota.bytes_used, quota.files_used

    with fails_with(Errno.ENAMETOOLONG):
        kernel.symlink(b"target", AT_FDCWD, b"l")

    assert (quota.bytes_used, quota.files_used) == before
