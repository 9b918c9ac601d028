"""The code blocks of a document, and what stands there about running them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(?P<language>[\w-]*)(?: +title=\"(?P<title>[^\"]+)\")?\s*$")
_NOT_RUN = re.compile(r"^<!-- not run: (?P<reason>\S.*) -->$")


@dataclass(frozen=True)
class Block:
    """`language` is that of the fence, or `indented`. `title` is a file name, or empty.
    `not_run` is the reason that an HTML comment just above it gives, or empty.
    """

    line: int
    language: str
    text: str
    title: str = ""
    not_run: str = ""


def blocks_of(page: Path) -> Iterator[Block]:
    """Every block, in order. Raises `ValueError` for a fence that this does not understand."""
    lines = page.read_text().splitlines()
    reason, at = "", 0
    while at < len(lines):
        start, line = at, lines[at]
        at += 1
        if line.startswith("```"):
            fence = _FENCE.match(line)
            if fence is None:
                raise ValueError(f"{page.name}, line {at}: {line} is not a fence as we write them")
            at = lines.index("```", at)
            text = "\n".join(lines[start + 1 : at])
            at += 1
            yield Block(start + 1, fence["language"], text + "\n", fence["title"] or "", reason)
        elif line.startswith("    ") and (start == 0 or not lines[start - 1].strip()):
            while at < len(lines) and (lines[at].startswith("    ") or not lines[at].strip()):
                at += 1
            text = "\n".join(each[4:] for each in lines[start:at]).rstrip()
            yield Block(start + 1, "indented", text + "\n", "", reason)
        if line.strip():
            found = _NOT_RUN.match(line)
            reason = found["reason"] if found else ""
