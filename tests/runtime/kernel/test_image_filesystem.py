"""Packed images."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_checks import exists, fails_with, names_in, new_kernel, read_file

from hermetic_runtime.kernel.constants import AT_FDCWD, O_RDONLY, O_WRONLY
from hermetic_runtime.kernel.errno import Errno
from hermetic_runtime.kernel.image import MAGIC, SIZES, DamagedImage, ImageFilesystem, checksum
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


def test_a_tree_may_be_deep(tmp_path: Path) -> None:
    path, name = tmp_path / "image", "d/" * 2000 + "file"
    write_image(path, [(name, b"x")])

    assert list(ImageFilesystem.load(path).files()) == [(name, b"x")]


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


def packed(root: bytes, *, others: bytes = b"", contents: bytes = b"x") -> bytes:
    """An image whose listings are as given, the root's last."""
    listings = others + root
    sizes = SIZES.pack(MAGIC, len(root), len(listings), len(contents))
    return sizes + checksum(sizes, listings) + listings + contents


def with_sizes(root: int, listings: int, contents: int) -> bytes:
    """An image of two bytes of listings, which says that it has others."""
    sizes = SIZES.pack(MAGIC, root, listings, contents)
    return sizes + checksum(sizes, b"{}") + b"{}"


@pytest.mark.parametrize(
    "data",
    [
        *[b"", b"HERM", b"something else altogether", MAGIC, MAGIC + bytes(28)],
        packed(b"{}")[:-1],
        packed(b"{}") + b"y",
        packed(b"{}").replace(b"{}", b"[]"),
        *[with_sizes(3, 2, 0), with_sizes(1, 2, 0), with_sizes(2, 2**63, 2**63)],
    ],
)
def test_what_is_no_image_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "image"
    path.write_bytes(data)
    with pytest.raises(DamagedImage):
        ImageFilesystem.load(path)


@pytest.mark.parametrize("position", [*range(44), 60, 100])
def test_any_change_before_the_contents_is_refused(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedImage):
        ImageFilesystem.load(path)


@pytest.mark.parametrize(
    "root",
    [
        *[b"[]", b"", b"{", b'{"a":' * 40_000, b"\xff"],
        *[
            b'{"%s":[0,1]}' % name
            for name in (b"", b".", b"..", b"a/b", b"a\\u0000", b"\\ud800", b"//")
        ],
        *[b'{"a":%s}' % place for place in (b"[0,2]", b"[-1,1]", b"[5,0]", b"[0]", b'"x"', b"1")],
        *[
            b'{"a":%s}' % place
            for place in (b"[0,true]", b"[0,true,1]", b"[0.0,1]", b"{}", b"null")
        ],
        *[b'{"d/":%s}' % place for place in (b"[0,3]", b"[0,13]", b"[1,2]", b"[-1,2]")],
        b'{"a":[0,1],"a/":[0,2]}',
    ],
)
def test_a_listing_that_no_directory_has_is_refused(tmp_path: Path, root: bytes) -> None:
    path = tmp_path / "image"
    path.write_bytes(packed(root, others=b"{}"))
    with pytest.raises(DamagedImage):
        list(ImageFilesystem.load(path).files())


def test_a_directory_never_holds_itself(tmp_path: Path) -> None:
    path = tmp_path / "image"
    listing = b'{"d/":[0,12]}'
    path.write_bytes(packed(b'{"d/":[0,13]}', others=listing))
    with pytest.raises(DamagedImage, match="points outside"):
        list(ImageFilesystem.load(path).files())


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
