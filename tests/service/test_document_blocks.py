"""Every code block of every document runs, in order, in a folder that has the examples."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from document_blocks import blocks_of
from document_runner import SHOWN_SERVICE, DocumentRunner
from live_service import live_service

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("*.md")]


@pytest.fixture
def folder(prepared: None, wasi_prepared: None, tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "out").mkdir()
    shutil.copytree(ROOT / "examples", folder / "examples")
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_blocks_of_a_page_run(page: Path, folder: Path, tmp_path: Path):
    if SHOWN_SERVICE not in page.read_text():
        run_blocks(page, DocumentRunner(folder, SHOWN_SERVICE))
        return
    with live_service(tmp_path / "data", "--no-key") as service:
        run_blocks(page, DocumentRunner(folder, service.url))


def run_blocks(page: Path, runner: DocumentRunner) -> None:
    for block in blocks_of(page):
        try:
            runner.run(block)
        except Exception as error:
            raise AssertionError(f"{page.name}, line {block.line}: {error}") from error


def page_with(folder: Path, text: str) -> Path:
    page = folder / "page.md"
    page.write_text(text)
    return page


def test_a_block_that_nothing_runs_is_found(folder: Path):
    page = page_with(folder, "# Page\n\n```cobol\nSTOP RUN.\n```\n")
    with pytest.raises(AssertionError, match=r"page\.md, line 3: nothing runs cobol"):
        run_blocks(page, DocumentRunner(folder, SHOWN_SERVICE))


def test_a_block_is_left_alone_only_with_a_reason(folder: Path):
    reason = "<!-- not run: no compiler here -->"
    page = page_with(folder, f"{reason}\n```cobol\nSTOP RUN.\n```\n")
    run_blocks(page, DocumentRunner(folder, SHOWN_SERVICE))
    page = page_with(folder, "<!-- not run: -->\n```cobol\nSTOP RUN.\n```\n")
    with pytest.raises(AssertionError, match="nothing runs cobol"):
        run_blocks(page, DocumentRunner(folder, SHOWN_SERVICE))


def test_output_that_differs_is_found(folder: Path):
    page = page_with(folder, "```console\n$ echo one\ntwo\n```\n")
    with pytest.raises(AssertionError, match=r"page\.md, line 1: one"):
        run_blocks(page, DocumentRunner(folder, SHOWN_SERVICE))


def test_an_option_that_does_not_exist_is_found(folder: Path):
    page = page_with(folder, "Text:\n\n    hermetic run --no-such FILE\n")
    with pytest.raises(AssertionError, match="hermetic run --no-such"):
        run_blocks(page, DocumentRunner(folder, SHOWN_SERVICE))


def test_output_shown_in_a_comment_is_compared(folder: Path):
    page = page_with(folder, "```python\nprint(1 + 1)  # 3\n```\n")
    with pytest.raises(AssertionError, match=r"page\.md, line 1"):
        run_blocks(page, DocumentRunner(folder, SHOWN_SERVICE))
