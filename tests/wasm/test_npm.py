"""Fetching the pinned package with npm, and reading files out of it."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from hermetic_wasm.errors import ImageError
from hermetic_wasm.npm import check_integrity, fetch_package, read_members


def integrity_of(contents: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(contents).digest()).decode()


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def install_npm(programs: Path, script: str) -> None:
    npm = programs / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)


def fetch(into: Path, contents: bytes = b"tarball") -> Path:
    return fetch_package("thing", "1.0", integrity_of(contents), into)


def test_the_package_is_packed_by_name_and_version_into_the_folder(
    programs: Path, tmp_path: Path
) -> None:
    install_npm(programs, 'echo "$@" > arguments; printf tarball > "$4/thing-1.0.tgz"')
    into = tmp_path / "into"
    into.mkdir()
    assert fetch(into) == into / "thing-1.0.tgz"
    arguments = (into / "arguments").read_text().split()
    assert arguments == ["pack", "thing@1.0", "--pack-destination", str(into), "--ignore-scripts"]


def test_without_npm_the_error_says_how_to_get_it(programs: Path) -> None:
    with pytest.raises(ImageError, match=r"npm is needed to fetch thing 1\.0") as caught:
        fetch(programs)
    assert caught.value.hint is not None and "Node.js" in caught.value.hint


def test_when_npm_fails_its_last_lines_are_told(programs: Path, tmp_path: Path) -> None:
    install_npm(programs, "for i in 1 2 3 4 5 6 7; do echo line $i >&2; done; exit 3")
    with pytest.raises(ImageError, match="failed with status 3") as caught:
        fetch(tmp_path)
    assert "line 7" in caught.value.message and "line 2\n" not in caught.value.message


def test_an_npm_that_can_not_run_is_told(programs: Path, tmp_path: Path) -> None:
    npm = programs / "npm"
    npm.write_text("#!/no/such/interpreter\n")
    npm.chmod(0o755)
    with pytest.raises(ImageError, match=r"npm pack thing@1\.0 did not work"):
        fetch(tmp_path)


def test_an_npm_that_leaves_nothing_is_told(programs: Path, tmp_path: Path) -> None:
    install_npm(programs, "exit 0")
    with pytest.raises(ImageError, match="left 0 tarballs"):
        fetch(tmp_path)


def test_another_package_than_the_pinned_one_is_refused(programs: Path, tmp_path: Path) -> None:
    install_npm(programs, 'printf forged > "$4/thing-1.0.tgz"')
    with pytest.raises(ImageError, match=r"expected sha512-\S+, got sha512-\S+") as caught:
        fetch(tmp_path)
    assert integrity_of(b"tarball") in caught.value.message
    assert integrity_of(b"forged") in caught.value.message


def test_the_pinned_contents_are_accepted(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"contents")
    check_integrity(file, integrity_of(b"contents"))


def pack(path: Path, *members: tarfile.TarInfo | tuple[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return path


def test_members_are_read_by_their_names_under_package(tmp_path: Path) -> None:
    tarball = pack(tmp_path / "t.tgz", ("package/a", b"A"), ("package/b", b"B"), ("../c", b"C"))
    assert read_members(tarball, ["b"], limit=10) == {"b": b"B"}


def test_a_member_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="incomplete"):
        read_members(pack(tmp_path / "t.tgz", ("a", b"A")), ["a"], limit=10)


def test_a_member_that_is_a_link_is_refused(tmp_path: Path) -> None:
    link = tarfile.TarInfo("package/a")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(ImageError, match="not a regular file"):
        read_members(pack(tmp_path / "t.tgz", link), ["a"], limit=10)


def test_a_member_that_is_too_large_is_refused(tmp_path: Path) -> None:
    tarball = pack(tmp_path / "t.tgz", ("package/a", bytes(11)))
    with pytest.raises(ImageError, match="at most 10 bytes"):
        read_members(tarball, ["a"], limit=10)


def test_a_tarball_that_breaks_off_is_told(tmp_path: Path) -> None:
    tarball = pack(tmp_path / "t.tgz", ("package/a", bytes(range(256)) * 40))
    tarball.write_bytes(tarball.read_bytes()[:100])
    with pytest.raises(ImageError, match="can't be read"):
        read_members(tarball, ["a"], limit=100_000)


def test_what_is_no_tarball_is_told(tmp_path: Path) -> None:
    tarball = tmp_path / "t.tgz"
    tarball.write_bytes(b"not at all")
    with pytest.raises(ImageError, match="can't be read"):
        read_members(tarball, ["a"], limit=10)
