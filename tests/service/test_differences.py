"""Each line of docs/differences.md, as it happens in the interpreters."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hermetic import Sandbox

TEXT = (Path(__file__).parents[2] / "docs/differences.md").read_text()
ROWS = re.findall(r"^\| `([^`]+)` \| (?:`([^`]*)`)? ?\| (?:`([^`]*)`)? ?\|", TEXT, re.M)


def test_every_line_of_the_tables_is_read():
    lines = [line for line in TEXT.splitlines() if line.startswith("| `")]
    assert len(lines) == len(ROWS) >= 25


@pytest.mark.parametrize("column", [1, 2], ids=["pyodide", "wasi"])
def test_the_interpreter_says_what_the_document_says(
    column: int, prepared: None, wasi_prepared: None
):
    interpreter = "pyodide" if column == 1 else "wasi"
    for row in ROWS:
        with Sandbox(interpreter=interpreter) as sandbox:
            result = sandbox.run(row[0])
        error = f"{result.error.type}: {result.error.message}" if result.error else ""
        said = result.stdout.text + error
        if row[column]:
            assert row[column] in said, row[0]
        else:
            assert result.ok, f"{row[0]}: {said}"
