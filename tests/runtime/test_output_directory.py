"""The folder that gets what runs made, when the guest's process says what it likes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.kernel.overlay import Change, ChangeKind
from hermetic_runtime.mounted_directories import MountedDirectories
from hermetic_runtime.output_directory import OutputDirectory
from hermetic_runtime.reported import Display
from hermetic_runtime.request_bounds import WORKSPACE_INDEX


@pytest.fixture
def output() -> CapturedOutput:
    return CapturedOutput(1000, None)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[OutputDirectory]:
    directory = OutputDirectory(tmp_path / "out")
    yield directory
    directory.close()


def said(output: CapturedOutput) -> str:
    return output.text("stderr", truncated=False).text


def test_what_no_run_made_is_not_removed(
    directory: OutputDirectory, output: CapturedOutput, tmp_path: Path
) -> None:
    (tmp_path / "out" / "kept").touch()

    directory.write([Change(b"kept", ChangeKind.REMOVED)], [], output)

    assert (tmp_path / "out" / "kept").exists()


@pytest.mark.parametrize("path", [b"../a", b"/a", b"a/../../b", b"", b"a\0b"])
def test_paths_that_lead_elsewhere_are_refused(
    directory: OutputDirectory, output: CapturedOutput, tmp_path: Path, path: bytes
) -> None:
    assert directory.write([Change(path, ChangeKind.FILE, b"x")], [], output) == []

    assert "not written" in said(output)
    assert list(tmp_path.rglob("*")) == [tmp_path / "out"]


def test_paths_are_given_as_they_may_be_printed(
    directory: OutputDirectory, output: CapturedOutput
) -> None:
    changes = [Change(b"\x1b[31m\xff", ChangeKind.FILE)]

    assert directory.write(changes, [], output) == ["\\x1b[31m\\xff"]


def test_a_display_that_is_not_base64_is_written_as_text(
    directory: OutputDirectory, output: CapturedOutput, tmp_path: Path
) -> None:
    display = Display({"image/png": "x", "text/plain": "plain"})

    assert directory.write([], [display], output) == ["display-1.txt"]
    assert (tmp_path / "out" / "display-1.txt").read_text() == "plain"


def test_a_display_of_unknown_forms_is_written_as_text(
    directory: OutputDirectory, output: CapturedOutput
) -> None:
    display = Display({"../../evil": "x"})

    assert directory.write([], [display], output) == ["display-1.txt"]


def test_a_display_does_not_follow_a_link_that_is_in_its_place(
    directory: OutputDirectory, output: CapturedOutput, tmp_path: Path
) -> None:
    (tmp_path / "target").write_text("host")
    (tmp_path / "out" / "display-1.txt").symlink_to(tmp_path / "target")

    directory.write([], [Display({"text/plain": "guest"})], output)

    assert (tmp_path / "target").read_text() == "host"
    assert (tmp_path / "out" / "display-1.txt").read_text() == "guest"


def test_files_that_were_not_asked_for_are_refused(output: CapturedOutput) -> None:
    directories = MountedDirectories([])

    directories.give_back([(WORKSPACE_INDEX, Change(b"a", ChangeKind.FILE))], [], output)

    assert "refused" in said(output)
