"""What a guest's folders hold is saved whatever the guest did to them."""

from __future__ import annotations

import pytest
from kernel_checks import new_kernel, read_file, write_file

from hermetic_runtime.kernel.constants import AT_FDCWD, O_RDONLY
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.saved_contents import SavedContents
from hermetic_runtime.kernel.saved_files import restore_files, save_files
from hermetic_runtime.limits import MIB


def guest_kernel() -> Kernel:
    kernel = new_kernel(open_files=8)
    kernel.mkdir(AT_FDCWD, b"/tmp", 0o777)
    return kernel


def saved_and_restored(kernel: Kernel) -> Kernel:
    restored = guest_kernel()
    restore_files(restored, save_files(kernel, SavedContents(MIB), [b"/tmp"]))
    return restored


def test_what_the_guest_may_not_read_is_saved() -> None:
    kernel = guest_kernel()
    kernel.mkdir(AT_FDCWD, b"/tmp/d", 0o755)
    write_file(kernel, b"/tmp/d/f", b"contents")
    for path in (b"/tmp/d/f", b"/tmp/d", b"/tmp", b"/"):
        kernel.chmod(AT_FDCWD, path, 0)

    restored = saved_and_restored(kernel)

    assert restored.stat(AT_FDCWD, b"/tmp/d").mode & 0o777 == 0
    restored.chmod(AT_FDCWD, b"/tmp/d", 0o755)
    restored.chmod(AT_FDCWD, b"/tmp/d/f", 0o644)
    assert read_file(restored, b"/tmp/d/f") == b"contents"


def test_files_are_saved_when_no_descriptor_is_left() -> None:
    kernel = guest_kernel()
    write_file(kernel, b"/tmp/f", b"contents")
    for _ in range(5):
        kernel.open(AT_FDCWD, b"/tmp/f", O_RDONLY, 0)

    assert read_file(saved_and_restored(kernel), b"/tmp/f") == b"contents"


def test_two_names_of_one_file_are_of_one_file_again() -> None:
    kernel = guest_kernel()
    write_file(kernel, b"/tmp/a", b"contents")
    kernel.link(AT_FDCWD, b"/tmp/a", AT_FDCWD, b"/tmp/b")

    restored = saved_and_restored(kernel)

    first, second = (restored.stat(AT_FDCWD, path) for path in (b"/tmp/a", b"/tmp/b"))
    assert (first.inode, first.links, first.mode) == (second.inode, 2, second.mode)
    assert read_file(restored, b"/tmp/b") == b"contents"


def test_names_of_one_file_are_saved_in_the_room_of_one() -> None:
    kernel = guest_kernel()
    write_file(kernel, b"/tmp/0", bytes(1000))
    for number in range(1, 50):
        kernel.link(AT_FDCWD, b"/tmp/0", AT_FDCWD, b"/tmp/%d" % number)

    assert len(save_files(kernel, SavedContents(1000), [b"/tmp"])) == 50


def test_more_than_there_is_room_for_is_not_saved() -> None:
    kernel = guest_kernel()
    write_file(kernel, b"/tmp/a", bytes(600))
    write_file(kernel, b"/tmp/b", bytes(600))

    with pytest.raises(Failure) as refused:
        save_files(kernel, SavedContents(1000), [b"/tmp"])

    assert refused.value.errno is Errno.EFBIG
