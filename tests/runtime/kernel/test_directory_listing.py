"""Reading directories piece by piece."""

from __future__ import annotations

from kernel_checks import fails_with, names_in, write_file

from hermetic_runtime.kernel.constants import AT_FDCWD, O_CREAT, O_DIRECTORY, O_RDWR, SEEK_SET
from hermetic_runtime.kernel.errno import Errno
from hermetic_runtime.kernel.kernel import Kernel


def fill(kernel: Kernel, count: int) -> list[bytes]:
    names = [f"{number:02}".encode() for number in range(count)]
    for name in names:
        write_file(kernel, b"/" + name)
    return names


def read_names(kernel: Kernel, fd: int, count: int = 1) -> list[bytes]:
    return [entry.name for entry in kernel.read_directory(fd, count)]


def open_root(kernel: Kernel) -> int:
    return kernel.open(AT_FDCWD, b"/", O_DIRECTORY, 0)


def test_a_listing_has_every_entry_once(kernel: Kernel) -> None:
    assert names_in(kernel, b"/") == []
    names = fill(kernel, 20)

    assert names_in(kernel, b"/") == names


def test_entries_say_what_they_are(kernel: Kernel) -> None:
    kernel.mkdir(AT_FDCWD, b"/directory", 0o755)
    write_file(kernel, b"/file")
    kernel.symlink(b"x", AT_FDCWD, b"/link")
    entries = kernel.read_directory(open_root(kernel), 10)

    assert {entry.name: entry.kind for entry in entries} == {
        b".": 4,
        b"..": 4,
        b"directory": 4,
        b"file": 8,
        b"link": 10,
    }
    assert entries[3].inode == kernel.stat(AT_FDCWD, b"/file").inode


def test_the_parent_entry_has_the_parents_inode(kernel: Kernel) -> None:
    kernel.mkdir(AT_FDCWD, b"/d", 0o755)
    fd = kernel.open(AT_FDCWD, b"/d", O_DIRECTORY, 0)

    assert kernel.read_directory(fd, 2)[1].inode == kernel.stat(AT_FDCWD, b"/").inode


def test_a_listing_goes_on_where_it_was_left(kernel: Kernel) -> None:
    fill(kernel, 10)
    fd = open_root(kernel)
    entries = kernel.read_directory(fd, 20)

    for index, entry in enumerate(entries):
        kernel.seek(fd, entry.next_position, SEEK_SET)
        assert read_names(kernel, fd, 20) == [each.name for each in entries[index + 1 :]]


def test_removing_while_listing_skips_nothing(kernel: Kernel) -> None:
    fill(kernel, 30)
    fd = open_root(kernel)
    read_names(kernel, fd, 2)
    while names := read_names(kernel, fd, 4):
        for name in names:
            kernel.unlink(AT_FDCWD, b"/" + name)

    assert names_in(kernel, b"/") == []


def test_seeking_after_removals_skips_nothing(kernel: Kernel) -> None:
    names = fill(kernel, 10)
    fd = open_root(kernel)
    entries = kernel.read_directory(fd, 7)
    for name in names[:4]:
        kernel.unlink(AT_FDCWD, b"/" + name)
    kernel.seek(fd, 0, SEEK_SET)
    kernel.seek(fd, entries[-1].next_position, SEEK_SET)

    assert read_names(kernel, fd, 20) == names[5:]


def test_making_while_listing_repeats_nothing(kernel: Kernel) -> None:
    names = fill(kernel, 5)
    fd = open_root(kernel)
    found: list[bytes] = []
    while piece := read_names(kernel, fd):
        found += piece
        if len(found) < 20:
            write_file(kernel, b"/" + f"new{len(found)}".encode())

    assert [name for name in found if name in names] == names
    assert len(found) == len(set(found))


def test_rewinding_shows_what_is_new(kernel: Kernel) -> None:
    fd = open_root(kernel)
    assert len(read_names(kernel, fd, 10)) == 2
    write_file(kernel, b"/new")
    kernel.seek(fd, 0, SEEK_SET)

    assert read_names(kernel, fd, 10) == [b".", b"..", b"new"]


def test_only_directories_are_listed(kernel: Kernel) -> None:
    fd = kernel.open(AT_FDCWD, b"/file", O_RDWR | O_CREAT, 0o666)
    with fails_with(Errno.ENOTDIR):
        kernel.read_directory(fd, 1)


def test_a_removed_directory_is_not_listed(kernel: Kernel) -> None:
    kernel.mkdir(AT_FDCWD, b"/d", 0o755)
    fd = kernel.open(AT_FDCWD, b"/d", O_DIRECTORY, 0)
    kernel.rmdir(AT_FDCWD, b"/d")

    with fails_with(Errno.ENOENT):
        kernel.read_directory(fd, 1)
