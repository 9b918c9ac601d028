"""Packed images."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_checks import exists, fails_with, names_in, new_kernel, read_file

from hermetic_runtime.kernel.constants import AT_FDCWD, O_RDONLY, O_WRONLY
from hermetic_runtime.kernel.errno import Errno
from hermetic_runtime.kernel.image import MAGIC, DamagedImage, ImageFilesystem
from hermetic_runtime.kernel.image_writing import write_image
from hermetic_runtime.kernel.kernel import Kernel

FILES = [("lib/os.py", b"import sys"), ("lib/empty", b""), ("lib/json/é.py", b"x"), ("top", b"y")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "library.image"
    write_image(path, FILES)
    return path


@pytest.fixture
def kernel(path: Path) -> Kernel:
    return new_kernel(mounts={b"/i": ImageFilesystem.load(path)})


def test_an_image_gives_back_its_files(path: Path) -> None:
    assert sorted(ImageFilesystem.load(path).files()) == sorted(FILES)


def test_the_guest_sees_a_tree(kernel: Kernel) -> None:
    assert names_in(kernel, b"/i") == [b"lib", b"top"]
    assert names_in(kernel, b"/i/lib") == [b"empty", b"json", b"os.py"]
    assert read_file(kernel, "/i/lib/json/é.py".encode()) == b"x"
    assert read_file(kernel, b"/i/lib/empty") == b""
    assert not exists(kernel, b"/i/lib/none")
    assert kernel.stat(AT_FDCWD, b"/i/lib/json/../os.py").size == 10


def test_reading_stops_at_the_end_of_the_file(kernel: Kernel) -> None:
    fd = kernel.open(AT_FDCWD, b"/i/lib/os.py", O_RDONLY, 0)

    assert bytes(kernel.pread(fd, 100, 7)) == b"sys"
    assert bytes(kernel.pread(fd, 100, 10)) == b""
    assert bytes(kernel.pread(fd, 100, 2**62)) == b""


def test_an_image_is_read_only(kernel: Kernel) -> None:
    with fails_with(Errno.EROFS):
        kernel.open(AT_FDCWD, b"/i/top", O_WRONLY, 0)
    with fails_with(Errno.EROFS):
        kernel.unlink(AT_FDCWD, b"/i/top")


def test_a_file_keeps_its_inode(kernel: Kernel) -> None:
    fd = kernel.open(AT_FDCWD, b"/i/lib", O_RDONLY, 0)
    listed = {entry.name: entry.inode for entry in kernel.read_directory(fd, 10)}

    assert listed[b"os.py"] == kernel.stat(AT_FDCWD, b"/i/lib/os.py").inode
    assert len(set(listed.values())) == len(listed)


def test_two_kernels_can_share_an_image(path: Path) -> None:
    image = ImageFilesystem.load(path)

    for place in (b"/one", b"/two"):
        assert read_file(new_kernel(mounts={place: image}), place + b"/top") == b"y"


def test_times_are_fit_for_a_zip_archive(kernel: Kernel) -> None:
    assert kernel.stat(AT_FDCWD, b"/i/top").mtime_ns >= 315_532_800 * 10**9


@pytest.mark.parametrize(
    "names",
    [
        *[["/a"], ["a/../b"], ["a//b"], [""], ["a/"], ["."], ["a\0"], ["n" * 256]],
        *[["a", "a"], ["a", "a/b"], ["a/b", "a"]],
    ],
)
def test_paths_that_are_no_tree_are_refused(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(ValueError, match="an image can't hold"):
        write_image(tmp_path / "image", [(name, b"") for name in names])
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_image(path: Path, tmp_path: Path) -> None:
    class Full(bytes):
        def __len__(self) -> int:
            raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        write_image(path, [("x", Full())])
    assert sorted(ImageFilesystem.load(path).files()) == sorted(FILES)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HERM",
        b"something else altogether",
        MAGIC,
        MAGIC + bytes(8),
        MAGIC + b"\xff" * 8 + b"{}",
        MAGIC + (2).to_bytes(8, "little") + b"[]",
        MAGIC + (200_000).to_bytes(8, "little") + b'{"a":' * 40_000,
    ],
)
def test_what_is_no_image_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "image"
    path.write_bytes(data)
    with pytest.raises(DamagedImage):
        ImageFilesystem.load(path)


@pytest.mark.parametrize("place", ["[0,2]", "[-1,1]", "[5,0]", "[0]", '"x"', "[0,true,1]", "1"])
def test_an_entry_that_points_outside_is_refused(tmp_path: Path, place: str) -> None:
    path = tmp_path / "image"
    header = f'{{"a":{place}}}'.encode()
    path.write_bytes(MAGIC + len(header).to_bytes(8, "little") + header + b"x")
    with pytest.raises(DamagedImage):
        ImageFilesystem.load(path)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\u0000", "\\ud800", "/"])
def test_a_name_that_no_file_has_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "image"
    header = f'{{"d":{{"{name}":[0,1]}}}}'.encode()
    path.write_bytes(MAGIC + len(header).to_bytes(8, "little") + header + b"x")
    with pytest.raises(DamagedImage):
        ImageFilesystem.load(path)


def test_a_cut_image_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedImage):
        ImageFilesystem.load(path)


@given(st.dictionaries(st.text("ab/", min_size=1, max_size=6), st.binary(max_size=9), max_size=6))
def test_an_image_holds_any_tree(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.image"
    try:
        write_image(path, files.items())
    except ValueError:
        return
    assert dict(ImageFilesystem.load(path).files()) == files
