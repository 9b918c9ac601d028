"""Finding the metadata block of a script, as the specification of inline script metadata
(PEP 723) defines it.

What the specification gives as a regular expression is a scan by lines here, since a
hostile script can make that expression take time quadratic in its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hermetic_runtime.errors import InvalidScript

_OPENING = re.compile(r"# /// ([a-zA-Z0-9-]+)")
_CLOSING = "# ///"
_MARK = b"# /// script"


@dataclass(frozen=True, slots=True)
class ScriptBlock:
    """The TOML document in a block. Its line N is line `line + N` of the script."""

    content: str
    line: int


def find_script_block(source: bytes | str) -> ScriptBlock | None:
    """The block of the type `script`, if there is one.

    A block that is not closed is ignored, as the specification demands. Raises
    `InvalidScript` when there are several, or when the source is not UTF-8.
    """
    if isinstance(source, bytes):
        if _MARK not in source:
            return None
        try:
            source = source.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidScript(f"the script is not UTF-8: {error}") from error
    elif _MARK.decode() not in source:
        return None
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    found = [block for kind, block in _blocks(lines) if kind == "script"]
    if len(found) > 1:
        raise InvalidScript(
            f"line {found[1].line}: a second `script` block; the first is at line {found[0].line}",
            hint="Merge them: a script has one block of metadata.",
        )
    return found[0] if found else None


def _blocks(lines: Sequence[str]) -> Iterator[tuple[str, ScriptBlock]]:
    start = 0
    while start < len(lines):
        end = start
        while end < len(lines) and _is_comment(lines[end]):
            end += 1
        yield from _block_in(lines, start, end)
        start = end + 1


def _is_comment(line: str) -> bool:
    return line == "#" or line.startswith("# ")


def _block_in(lines: Sequence[str], start: int, end: int) -> Iterator[tuple[str, ScriptBlock]]:
    """The block among comments that nothing interrupts. There is at most one, since a
    block ends at the last line that can close it, and it holds a line at least.
    """
    closings = (at for at in range(end - 1, start, -1) if lines[at] == _CLOSING)
    last = next(closings, start)
    for at in range(start, last - 1):
        if opening := _OPENING.fullmatch(lines[at]):
            content = "\n".join(line[2:] for line in lines[at + 1 : last])
            yield opening[1], ScriptBlock(f"{content}\n", at + 1)
            return
