"""Folders of the host in guests, and what comes back of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from sandbox_options import SandboxOptions

from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.limits import Limits
from hermetic_runtime.mounts import Mount
from hermetic_runtime.reported import Outcome
from hermetic_runtime.sandbox import Sandbox, run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "note").write_text("host")
    return folder


def test_a_mount_is_read(folder: Path, options: SandboxOptions) -> None:
    result = run("print(open('/data/note').read())", mounts=[Mount(folder, "/data")], **options)

    assert result.stdout.text == "host\n"


def test_a_mount_is_read_only_by_default(folder: Path, options: SandboxOptions) -> None:
    result = run("open('/data/new', 'w')", mounts=[Mount(folder, "/data")], **options)

    assert result.error is not None
    assert result.error.type == "OSError"
    assert not (folder / "new").exists()


def test_a_writable_mount_gives_back_what_changed(folder: Path, options: SandboxOptions) -> None:
    code = """
import os
os.mkdir('/data/made')
with open('/data/made/large', 'wb') as file: file.write(bytes(range(256)) * 4000)
os.remove('/data/note')
"""

    run(code, mounts=[Mount(folder, "/data", writable=True)], **options)

    assert (folder / "made" / "large").read_bytes() == bytes(range(256)) * 4000
    assert not (folder / "note").exists()


def test_each_run_gives_back_its_own_changes(folder: Path, options: SandboxOptions) -> None:
    with Sandbox(mounts=[Mount(folder, "/data", writable=True)], **options) as sandbox:
        sandbox.run("open('/data/a', 'w').write('1')")
        assert (folder / "a").read_text() == "1"
        (folder / "a").unlink()

        sandbox.run("open('/data/b', 'w').write('2')")
        assert (folder / "b").read_text() == "2"
        assert not (folder / "a").exists()


def test_each_of_several_mounts_has_its_own_changes(
    folder: Path, tmp_path: Path, options: SandboxOptions
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    code = "open('/data/a', 'w').write('a'); open('/more/b', 'w').write('b')"

    run(
        code,
        mounts=[Mount(folder, "/data", writable=True), Mount(other, "/more", writable=True)],
        **options,
    )

    assert ((folder / "a").read_text(), (other / "b").read_text()) == ("a", "b")


def test_what_can_not_be_given_back_is_said_on_stderr(
    folder: Path, options: SandboxOptions
) -> None:
    result = run(
        "import os; os.symlink('/etc/passwd', '/data/link')",
        mounts=[Mount(folder, "/data", writable=True)],
        **options,
    )

    assert result.outcome is Outcome.OK
    assert result.stderr.text.startswith("hermetic: not given back: /data/link: ")
    assert not (folder / "link").is_symlink()


def test_a_run_that_is_stopped_by_its_deadline_still_gives_back(
    folder: Path, options: SandboxOptions, patient: None
) -> None:
    result = run(
        "open('/data/a', 'w').write('1')\nwhile True: pass",
        mounts=[Mount(folder, "/data", writable=True)],
        limits=Limits(wall_seconds=2),
        **options,
    )

    assert result.outcome is Outcome.TIMEOUT
    assert (folder / "a").exists()


def test_a_directory_that_has_gone_is_refused(folder: Path, options: SandboxOptions) -> None:
    mount = Mount(folder, "/data")
    (folder / "note").unlink()
    folder.rmdir()

    with pytest.raises(InvalidInput, match="can't be opened"):
        run("1", mounts=[mount], **options)
