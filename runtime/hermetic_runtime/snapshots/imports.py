"""What a script imports at its top level, read without running it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence

MOST_SOURCE_BYTES = 256 * 1024
"""Longer sources are not looked at: it takes longer than the imports would."""
_MOST_MODULES = 64


def imported_packages(source: bytes) -> tuple[str, ...]:
    """Dotted names of modules that are not of the standard library, in order of name.

    Empty for a source that this Python can't parse, which the guest's perhaps can.
    """
    if len(source) > MOST_SOURCE_BYTES:
        return ()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    names = {
        name
        for name in _imported(tree.body)
        if name.partition(".")[0] not in sys.stdlib_module_names
    }
    return tuple(sorted(names)[:_MOST_MODULES])


def _imported(statements: Sequence[ast.stmt]) -> Iterator[str]:
    for statement in statements:
        match statement:
            case ast.Import(names=aliases):
                yield from (alias.name for alias in aliases)
            case ast.ImportFrom(module=str(module), level=0):
                yield module
            case ast.Try(body=body) | ast.If(body=body) | ast.With(body=body):
                yield from _imported(body)
            case _:
                continue
