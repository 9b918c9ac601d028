"""Host directories, read-only and closed in themselves."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from kernel_checks import exists, fails_with, names_in, new_kernel, read_file

from hermetic_runtime.kernel.constants import AT_FDCWD, O_DIRECTORY, O_RDONLY, O_WRONLY, SEEK_SET
from hermetic_runtime.kernel.errno import Errno
from hermetic_runtime.kernel.host import HostFilesystem
from hermetic_runtime.kernel.kernel import Kernel


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("secret")
    folder = tmp_path / "given"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "file").write_text("text")
    return folder


@pytest.fixture
def kernel(folder: Path) -> Iterator[Kernel]:
    descriptor = os.open(folder, os.O_RDONLY)
    kernel = new_kernel(mounts={b"/h": HostFilesystem(descriptor)})
    yield kernel
    kernel.close_all()
    os.close(descriptor)


def open_below(folder: Path) -> int:
    """Descriptors of this process, other threads and tests left aside."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            found += Path(os.readlink(f"/proc/self/fd/{name}")).is_relative_to(folder)
    return found


def test_files_are_read(kernel: Kernel) -> None:
    assert read_file(kernel, b"/h/a/b/file") == b"text"
    assert names_in(kernel, b"/h/a") == [b"b"]
    assert kernel.stat(AT_FDCWD, b"/h/a/b/../b/file").size == 4


def test_attributes_are_the_hosts_but_for_the_owner(kernel: Kernel, folder: Path) -> None:
    path = folder / "a" / "b" / "file"
    path.chmod(0o6755)
    os.utime(path, ns=(1, 2))
    found = kernel.stat(AT_FDCWD, b"/h/a/b/file")

    assert (found.mode, found.uid, found.gid) == (0o100755, 1000, 1000)
    assert (found.atime_ns, found.mtime_ns) == (1, 2)


def test_nothing_can_be_written(kernel: Kernel, folder: Path) -> None:
    with fails_with(Errno.EROFS):
        kernel.open(AT_FDCWD, b"/h/a/b/file", O_WRONLY, 0)
    with fails_with(Errno.EROFS):
        kernel.mkdir(AT_FDCWD, b"/h/new", 0o755)
    with fails_with(Errno.EROFS):
        kernel.rename(AT_FDCWD, b"/h/a", AT_FDCWD, b"/h/z")
    assert os.listdir(folder) == ["a"]


@pytest.mark.parametrize("target", ["../secret", "a/b/../../../secret"])
def test_a_relative_symlink_does_not_lead_out(kernel: Kernel, folder: Path, target: str) -> None:
    (folder / "link").symlink_to(target)

    assert kernel.readlink(AT_FDCWD, b"/h/link") == target.encode()
    with fails_with(Errno.ENOENT):
        kernel.open(AT_FDCWD, b"/h/link", O_RDONLY, 0)


def test_an_absolute_symlink_starts_at_the_guests_root(kernel: Kernel, folder: Path) -> None:
    (folder / "passwd").symlink_to("/etc/passwd")
    (folder / "inside").symlink_to("/h/a/b/file")

    with fails_with(Errno.ENOENT):
        kernel.open(AT_FDCWD, b"/h/passwd", O_RDONLY, 0)
    assert read_file(kernel, b"/h/inside") == b"text"


def test_a_symlinked_directory_is_followed_inside(kernel: Kernel, folder: Path) -> None:
    (folder / "link").symlink_to("a/b")

    assert read_file(kernel, b"/h/link/file") == b"text"


def test_a_directory_replaced_by_a_symlink_does_not_lead_out(
    kernel: Kernel, folder: Path, tmp_path: Path
) -> None:
    directory = kernel.open(AT_FDCWD, b"/h/a", O_DIRECTORY, 0)
    (folder / "a").rename(tmp_path / "moved")
    (folder / "a").symlink_to("..")

    with fails_with(Errno.ENOTDIR):
        kernel.stat(directory, b"secret")


def test_a_file_replaced_by_a_symlink_after_lookup_is_not_followed(
    folder: Path, tmp_path: Path
) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    filesystem = HostFilesystem(descriptor)
    (folder / "file").write_text("x")
    node = filesystem.root.lookup(b"file")
    (folder / "file").unlink()
    (folder / "file").symlink_to(tmp_path / "secret")

    assert node is not None
    with fails_with(Errno.ELOOP):
        node.acquire()
    filesystem.close()
    os.close(descriptor)


def test_devices_fifos_and_sockets_do_not_show(kernel: Kernel, folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        directory = os.open(folder, os.O_RDONLY)
        listener.bind(f"/proc/self/fd/{directory}/socket")
        os.close(directory)

    assert names_in(kernel, b"/h") == [b"a"]
    for name in (b"fifo", b"socket"):
        assert not exists(kernel, b"/h/" + name)


def test_an_open_file_outlives_its_name(kernel: Kernel, folder: Path) -> None:
    fd = kernel.open(AT_FDCWD, b"/h/a/b/file", O_RDONLY, 0)
    (folder / "a" / "b" / "file").unlink()

    assert bytes(kernel.read(fd, 10)) == b"text"


def test_a_growing_file_is_seen_growing(kernel: Kernel, folder: Path) -> None:
    fd = kernel.open(AT_FDCWD, b"/h/a/b/file", O_RDONLY, 0)
    (folder / "a" / "b" / "file").write_text("longer text")

    assert kernel.fstat(fd).size == 11
    assert kernel.seek(fd, 0, 2) == 11


def test_a_listing_can_be_left_and_resumed(kernel: Kernel, folder: Path) -> None:
    for number in range(50):
        (folder / f"{number}").touch()
    fd = kernel.open(AT_FDCWD, b"/h", O_DIRECTORY, 0)
    entries = kernel.read_directory(fd, 100)
    kernel.seek(fd, entries[20].next_position, SEEK_SET)

    assert kernel.read_directory(fd, 100) == entries[21:]


def test_two_listings_of_one_directory_are_independent(kernel: Kernel, folder: Path) -> None:
    for number in range(200):
        (folder / f"{number}").touch()
    one, two = (kernel.open(AT_FDCWD, b"/h", O_DIRECTORY, 0) for _ in range(2))
    found: list[bytes] = []
    while entries := kernel.read_directory(one, 7):
        found += [entry.name for entry in entries]
        kernel.read_directory(two, 11)

    assert len(found) == len(set(found)) == 203


def test_a_deep_tree_keeps_few_descriptors_open(kernel: Kernel, folder: Path) -> None:
    directory = os.open(folder, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d", dir_fd=directory)
        below = os.open("d", os.O_RDONLY, dir_fd=directory)
        os.close(directory)
        directory = below
    os.close(directory)
    before = open_below(folder)
    assert exists(kernel, b"/h" + b"/d" * 300)

    assert open_below(folder) - before <= 32


def test_closing_the_kernel_leaves_no_descriptor(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    kernel = new_kernel(mounts={b"/h": HostFilesystem(descriptor)})
    kernel.open(AT_FDCWD, b"/h/a/b/file", O_RDONLY, 0)
    kernel.read_directory(kernel.open(AT_FDCWD, b"/h/a", O_RDONLY, 0), 3)
    kernel.close_all()
    os.close(descriptor)

    assert open_below(folder) == 0


def test_names_that_are_not_utf8_are_passed_on(kernel: Kernel, folder: Path) -> None:
    with open(os.fsencode(folder) + b"/\xff", "wb") as file:
        file.write(b"x")

    assert b"\xff" in names_in(kernel, b"/h")
    assert read_file(kernel, b"/h/\xff") == b"x"


def test_a_name_too_long_for_the_host_fails(kernel: Kernel) -> None:
    with fails_with(Errno.ENAMETOOLONG):
        kernel.stat(AT_FDCWD, b"/h/" + b"n" * 256)


def test_a_mount_can_lie_in_a_host_directory(folder: Path, tmp_path: Path) -> None:
    descriptors = [os.open(path, os.O_RDONLY) for path in (folder, tmp_path)]
    kernel = new_kernel(
        mounts={
            b"/h": HostFilesystem(descriptors[0]),
            b"/h/a/b": HostFilesystem(descriptors[1]),
        }
    )

    assert read_file(kernel, b"/h/a/b/secret") == b"secret"
    kernel.close_all()
    for descriptor in descriptors:
        os.close(descriptor)
