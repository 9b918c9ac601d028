"""The kernel and Linux are asked the same things and must answer the same."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from kernel_checks import MIB, exists, new_kernel

from hermetic_runtime.kernel.constants import (
    AT_FDCWD,
    O_APPEND,
    O_CREAT,
    O_DIRECTORY,
    O_EXCL,
    O_NOFOLLOW,
    O_RDONLY,
    O_RDWR,
    O_TRUNC,
    O_WRONLY,
)
from hermetic_runtime.kernel.errno import Failure
from hermetic_runtime.kernel.host import HostFilesystem
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.memory import MemoryFilesystem
from hermetic_runtime.kernel.overlay import OverlayFilesystem
from hermetic_runtime.kernel.quota import Quota

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="compares with Linux")

NAMES = st.sampled_from([b"a", b"b", b"c", b".", b"..", b"n" * 255, b"n" * 256])
COMMON = st.sampled_from([b"a", b"b", b"c"])
PATHS = st.builds(
    lambda names, slash: b"/".join(names) + slash,
    st.lists(st.one_of(COMMON, COMMON, COMMON, NAMES), min_size=1, max_size=3),
    st.sampled_from([b"", b"", b"", b"", b"/", b"//"]),
)
FLAGS = st.builds(
    lambda access, others: access | sum(others),
    st.sampled_from([O_RDONLY, O_WRONLY, O_RDWR]),
    st.sets(st.sampled_from([O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_NOFOLLOW])),
) | st.sampled_from([O_DIRECTORY, O_DIRECTORY | O_NOFOLLOW])


def described(mode: int, links: int, size: int) -> tuple[int, int, int]:
    """What two filesystems must agree on: they count directories differently."""
    is_directory = stat.S_ISDIR(mode)
    return mode, 0 if is_directory else links, 0 if is_directory else size


class Agreement(RuleBasedStateMachine):
    """Runs each call on both sides. Paths stay inside: there are never enough ".."
    to leave the two directories that each side starts in.
    """

    kernel: Kernel
    directory: int

    def __init__(self) -> None:
        super().__init__()
        self.former_umask = os.umask(0o022)
        self.folder = tempfile.mkdtemp(prefix="hermetic-agreement-")
        self.inside = os.path.join(self.folder, *"12345678")
        os.makedirs(self.inside)
        self.directory = os.open(self.inside, os.O_RDONLY)

    def filesystems(self) -> Kernel:
        quota = Quota(64 * MIB, 100_000)
        return new_kernel(mounts={b"/": MemoryFilesystem(quota)}, quota=quota)

    @initialize()
    def start(self) -> None:
        self.kernel = self.filesystems()
        for depth in range(1, 9):
            path = b"".join(b"/%d" % each for each in range(1, depth + 1))
            if not exists(self.kernel, path):
                self.kernel.mkdir(AT_FDCWD, path, 0o755)
        self.kernel.chdir(b"/1/2/3/4/5/6/7/8")

    def teardown(self) -> None:
        os.umask(self.former_umask)
        os.close(self.directory)
        if hasattr(self, "kernel"):
            self.kernel.close_all()
        shutil.rmtree(self.folder)

    def agree(self, ours: Callable[[], object], theirs: Callable[[], object]) -> None:
        assert _answer(ours) == _answer(theirs)

    @rule(path=PATHS, flags=FLAGS, data=st.binary(max_size=5))
    def open_and_write(self, path: bytes, flags: int, data: bytes) -> None:
        def ours() -> object:
            fd = self.kernel.open(AT_FDCWD, path, flags, 0o666)
            try:
                return _answer(lambda: self.kernel.write(fd, data))
            finally:
                self.kernel.close(fd)

        def theirs() -> object:
            fd = os.open(path, flags, 0o666, dir_fd=self.directory)
            try:
                return _answer(lambda: os.write(fd, data))
            finally:
                os.close(fd)

        self.agree(ours, theirs)

    @rule(path=PATHS)
    def read(self, path: bytes) -> None:
        def ours() -> object:
            fd = self.kernel.open(AT_FDCWD, path, O_RDONLY, 0)
            try:
                return bytes(self.kernel.read(fd, 100))
            finally:
                self.kernel.close(fd)

        def theirs() -> object:
            fd = os.open(path, O_RDONLY, dir_fd=self.directory)
            try:
                return os.read(fd, 100)
            finally:
                os.close(fd)

        self.agree(ours, theirs)

    @rule(path=PATHS, follow=st.booleans())
    def look(self, path: bytes, follow: bool) -> None:
        def ours() -> object:
            found = self.kernel.stat(AT_FDCWD, path, follow=follow)
            return described(found.mode, found.links, found.size)

        def theirs() -> object:
            found = os.stat(path, dir_fd=self.directory, follow_symlinks=follow)
            return described(found.st_mode, found.st_nlink, found.st_size)

        self.agree(ours, theirs)

    @rule(path=PATHS)
    def list_entries(self, path: bytes) -> None:
        def ours() -> object:
            fd = self.kernel.open(AT_FDCWD, path, O_DIRECTORY, 0)
            entries = self.kernel.read_directory(fd, 1000)
            self.kernel.close(fd)
            return sorted(entry.name for entry in entries)[2:]

        def theirs() -> object:
            fd = os.open(path, O_DIRECTORY, dir_fd=self.directory)
            names = os.listdir(fd)
            os.close(fd)
            return sorted(map(os.fsencode, names))

        self.agree(ours, theirs)

    @rule(path=PATHS)
    def mkdir(self, path: bytes) -> None:
        self.agree(
            lambda: self.kernel.mkdir(AT_FDCWD, path, 0o777),
            lambda: os.mkdir(path, dir_fd=self.directory),
        )

    @rule(path=PATHS)
    def rmdir(self, path: bytes) -> None:
        self.agree(
            lambda: self.kernel.rmdir(AT_FDCWD, path),
            lambda: os.rmdir(path, dir_fd=self.directory),
        )

    @rule(path=PATHS)
    def unlink(self, path: bytes) -> None:
        self.agree(
            lambda: self.kernel.unlink(AT_FDCWD, path),
            lambda: os.unlink(path, dir_fd=self.directory),
        )

    @rule(old=PATHS, new=PATHS)
    def rename(self, old: bytes, new: bytes) -> None:
        self.agree(
            lambda: self.kernel.rename(AT_FDCWD, old, AT_FDCWD, new),
            lambda: os.rename(old, new, src_dir_fd=self.directory, dst_dir_fd=self.directory),
        )

    @rule(old=PATHS, new=PATHS)
    def link(self, old: bytes, new: bytes) -> None:
        fd = self.directory
        self.agree(
            lambda: self.kernel.link(AT_FDCWD, old, AT_FDCWD, new),
            lambda: os.link(old, new, src_dir_fd=fd, dst_dir_fd=fd, follow_symlinks=False),
        )

    @rule(text=PATHS, path=PATHS)
    def symlink(self, text: bytes, path: bytes) -> None:
        self.agree(
            lambda: self.kernel.symlink(text, AT_FDCWD, path),
            lambda: os.symlink(text, path, dir_fd=self.directory),
        )

    @rule(path=PATHS)
    def readlink(self, path: bytes) -> None:
        self.agree(
            lambda: self.kernel.readlink(AT_FDCWD, path),
            lambda: os.readlink(path, dir_fd=self.directory),
        )

    @rule(path=PATHS, size=st.integers(-1, 20))
    def truncate(self, path: bytes, size: int) -> None:
        whole = f"/proc/self/fd/{self.directory}/".encode() + path
        self.agree(
            lambda: self.kernel.truncate(AT_FDCWD, path, size),
            lambda: os.truncate(whole, size),
        )


class OverlayAgreement(Agreement):
    """The same with an overlay over a directory that is not empty."""

    def filesystems(self) -> Kernel:
        quota = Quota(64 * MIB, 100_000)
        self.lower = tempfile.mkdtemp(prefix="hermetic-lower-")
        for top in (self.folder, self.lower):
            inside = os.path.join(top, *"12345678")
            os.makedirs(inside, exist_ok=True)
            with open(os.path.join(inside, "a"), "w") as file:
                file.write("below")
            os.symlink("a", os.path.join(inside, "b"))
        self.lower_descriptor = os.open(self.lower, os.O_RDONLY)
        overlay = OverlayFilesystem(HostFilesystem(self.lower_descriptor), quota)
        return new_kernel(mounts={b"/": overlay}, quota=quota)

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "lower_descriptor"):
            os.close(self.lower_descriptor)
            shutil.rmtree(self.lower)


def _answer(call: Callable[[], object]) -> object:
    try:
        return call()
    except Failure as failure:
        return failure.errno.name
    except OSError as error:
        return errno.errorcode[error.errno or 0]


TestAgreement = Agreement.TestCase
TestAgreement.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestOverlayAgreement = OverlayAgreement.TestCase
TestOverlayAgreement.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
