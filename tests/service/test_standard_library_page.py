"""docs/stdlib.md is what its script gives."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAMPLE = ("asyncio", "ctypes", "json", "mmap", "os", "sqlite3", "tkinter", "zlib", "cmd")


def test_lines_of_the_page_are_what_the_script_gives(prepared: None, wasi_prepared: None):
    script = [sys.executable, ROOT / "scripts/standard_library.py", *SAMPLE]
    lines = subprocess.run(script, capture_output=True, text=True, check=True).stdout.splitlines()
    page = (ROOT / "docs/stdlib.md").read_text().splitlines()
    for line in lines:
        assert line in page


def test_the_page_has_the_whole_standard_library():
    page = (ROOT / "docs/stdlib.md").read_text()
    shown = set(re.findall(r"^\| `(\w+)` \|", page, re.M))
    assert {"abc", "asyncio", "pathlib", "zoneinfo"} <= shown and len(shown) > 150
