"""What a run makes in its working folder, and the folder that gets it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sandbox_options import SandboxOptions

from hermetic_runtime.async_sandbox import run_async
from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.mounts import Mount
from hermetic_runtime.reported import Outcome, WorkspaceFile
from hermetic_runtime.results import RunResult
from hermetic_runtime.sandbox import Sandbox, run


def files_of(result: RunResult) -> list[tuple[str, int]]:
    return [(file.path, file.size) for file in result.files]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_files_are_listed_with_their_sizes(options: SandboxOptions) -> None:
    result = run(
        "import os; open('b', 'w').write('12345'); os.mkdir('d'); open('d/a', 'w').close()",
        **options,
    )

    assert result.files == [WorkspaceFile("b", 5), WorkspaceFile("d/a", 0)]
    assert result.files_omitted == 0
    assert result.written == []


def test_a_run_that_makes_no_files_lists_none() -> None:
    assert run("import json, tempfile; open('/tmp/a', 'w').write('x')").files == []


def test_each_run_lists_what_it_made_or_changed_itself(options: SandboxOptions) -> None:
    with Sandbox(**options) as sandbox:
        sandbox.run("open('a', 'w').write('1'); open('b', 'w').write('1')")
        result = sandbox.run("open('a', 'a').write('2'); open('c', 'w')")

    assert files_of(result) == [("a", 2), ("c", 0)]


def test_a_file_that_was_removed_is_not_listed() -> None:
    assert run("import os; open('a', 'w'); os.remove('a')").files == []


def test_files_are_listed_of_a_run_that_failed() -> None:
    result = run("open('a', 'w').write('x'); import os; os._exit(3)")

    assert result.outcome is Outcome.ERROR
    assert files_of(result) == [("a", 1)]


def test_a_long_list_ends_with_a_count(options: SandboxOptions) -> None:
    result = run("for number in range(1005): open(f'{number:04}', 'w')", **options)

    assert [file.path for file in result.files[::999]] == ["0000", "0999"]
    assert (len(result.files), result.files_omitted) == (1000, 5)


def test_a_list_of_long_names_ends_with_a_count() -> None:
    result = run(
        "import os\nos.makedirs('d' * 250 + '/' + 'e' * 250)\n"
        "for number in range(900): open('d' * 250 + '/' + 'e' * 250 + f'/{number:0250}', 'w')"
    )

    assert len(result.files) + result.files_omitted == 900
    assert sum(len(file.path) for file in result.files) <= 256 * 1024


def test_a_name_that_is_not_unicode_is_listed_with_escapes() -> None:
    assert files_of(run("open(b'a\\xff', 'w').write('x')")) == [("a\\xff", 1)]


def test_a_mount_in_place_of_the_workspace_is_not_listed(
    tmp_path: Path, options: SandboxOptions
) -> None:
    mount = Mount(tmp_path, "/workspace", writable=True)

    result = run("open('a', 'w').write('x')", mounts=[mount], **options)

    assert result.files == []
    assert contents(tmp_path) == {"a": b"x"}


def test_a_mount_below_the_workspace_is_not_listed(tmp_path: Path) -> None:
    mount = Mount(tmp_path, "/workspace/data", writable=True)

    result = run("open('data/a', 'w').write('x'); open('b', 'w')", mounts=[mount])

    assert files_of(result) == [("b", 0)]
    assert contents(tmp_path) == {"a": b"x"}


def test_files_are_written_to_a_folder_that_is_made(
    tmp_path: Path, options: SandboxOptions
) -> None:
    out = tmp_path / "new" / "out"
    code = "import os; os.mkdir('d'); open('d/large', 'wb').write(bytes(1_000_000))"

    result = run(code, out=out, **options)

    assert contents(out) == {"d/large": bytes(1_000_000)}
    assert result.written == ["d/large"]
    assert files_of(result) == [("d/large", 1_000_000)]


def test_displays_are_written_beside_the_files(tmp_path: Path, options: SandboxOptions) -> None:
    code = (
        "class Shows:\n"
        "    def _repr_png_(self): return b'png'\n"
        "    def _repr_html_(self): return '<b>'\n"
        "open('display-1.png', 'w').write('own'); display(1); Shows()"
    )

    result = run(code, out=tmp_path, **options)

    assert contents(tmp_path) == {
        "display-1.png": b"own",
        "display-1.txt": b"1",
        "display-2.html": b"<b>",
        "display-2.png": b"png",
    }
    assert sorted(result.written) == sorted(contents(tmp_path))


async def run_asynchronously(out: Path) -> RunResult:
    return await run_async("open('a', 'w').write('x')", out=out)


def test_the_form_for_asyncio_writes_too(tmp_path: Path) -> None:
    assert asyncio.run(run_asynchronously(tmp_path)).written == ["a"]


def test_each_run_writes_when_it_has_ended(tmp_path: Path) -> None:
    with Sandbox(out=tmp_path) as sandbox:
        sandbox.run("open('a', 'w').write('1'); display(1)")
        assert contents(tmp_path) == {"a": b"1", "display-1.txt": b"1"}

        sandbox.run("import os; os.remove('a'); display(2)")
        assert contents(tmp_path) == {"display-1.txt": b"1", "display-2.txt": b"2"}


def test_files_that_were_in_the_folder_are_not_seen_and_not_removed(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("host")

    result = run(
        "import os; print(os.listdir()); open('kept', 'w'); os.remove('kept')", out=tmp_path
    )

    assert result.stdout.text == "[]\n"
    assert contents(tmp_path) == {"kept": b"host"}


def test_what_leads_out_of_the_folder_is_refused_and_named(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "d").symlink_to(tmp_path)

    result = run("import os; os.mkdir('d'); open('d/a', 'w'); os.symlink('../x', 'link')", out=out)

    assert result.written == []
    assert [line.split(":")[2] for line in result.stderr.text.splitlines()] == [
        " d",
        " link",
        " d/a",
    ]
    assert not (tmp_path / "a").exists()


def test_a_folder_that_can_not_be_made_is_said_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(InvalidInput, match="nothing can be written"):
        run("print(1)", out=tmp_path / "file")


@pytest.mark.parametrize("out", [3, "a\0b"])
def test_an_out_that_is_no_path_is_refused(out: str) -> None:
    with pytest.raises(InvalidInput, match="out must"):
        run("1", out=out)
