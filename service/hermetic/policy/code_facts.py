"""What can be read off code without running it. Hostile code can hide what it imports."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, cast

from packaging.utils import canonicalize_name

from hermetic_runtime.errors import HermeticError
from hermetic_runtime.packages.script_metadata import read_script_metadata

_MOST_PARSED = 256 * 1024
"""Characters of code that are parsed; larger code is only searched, line by line."""
_MOST_REMEMBERED = 16 * 1024
_MOST_NAMES = 10_000
_FILE = "<judged code>"
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Where statements have statements in them. Imports are in no expression."""
_IMPORT = re.compile(
    r"(?:^|[;:])[ \t\f]*(?:import[ \t]+([^\n;#]{1,2000})|from[ \t]+([\w.]{1,300}))", re.M
)
_NAME = re.compile(r"[\w.]+")
_REQUIRED = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]{0,198}[A-Za-z0-9])?)")

warnings.filterwarnings("ignore", module=re.escape(_FILE))


def code_of(arguments: Mapping[str, Any]) -> str | None:
    """The argument `code`, if it is a text."""
    code = arguments.get("code")
    return code if isinstance(code, str) else None


def bytes_of(arguments: Mapping[str, Any]) -> int | None:
    """Of the code as UTF-8."""
    code = code_of(arguments)
    return None if code is None else len(code.encode("utf-8", "surrogatepass"))


def imports_of(arguments: Mapping[str, Any]) -> list[str] | None:
    """The top-level modules of all `import` statements, sorted: `os` for `import os.path`.

    Code that does not parse here is searched for lines that look like imports.
    """
    code = code_of(arguments)
    if code is None:
        return None
    return list(_remembered(code) if len(code) <= _MOST_REMEMBERED else _top_modules(code))


def requirements_of(arguments: Mapping[str, Any]) -> list[str] | None:
    """The normalised names of the packages asked for, sorted: by the argument
    `requirements` and by the code's metadata block. What is no requirement is given whole.
    """
    code = code_of(arguments)
    stated: list[str] = []
    given = arguments.get("requirements")
    if isinstance(given, list):
        stated += [text for text in cast("list[object]", given) if isinstance(text, str)]
    if code is not None:
        try:
            metadata = read_script_metadata(code)
        except (HermeticError, ValueError, RecursionError):
            metadata = None
        if metadata is not None:
            stated += [requirement.text for requirement in metadata.requirements]
    if code is None and given is None:
        return None
    return sorted({_required_name(text) for text in stated[:_MOST_NAMES]})


def _top_modules(code: str) -> tuple[str, ...]:
    found = _parsed_imports(code)
    if found is None:
        found = set(_searched_imports(code))
    return tuple(sorted({name.split(".")[0] for name in found}))


_remembered = lru_cache(maxsize=64)(_top_modules)
"""A call is judged again when it is counted at the same time as another one."""


def _required_name(text: str) -> str:
    match = _REQUIRED.match(text)
    return canonicalize_name(match[1]) if match else text[:200]


def _parsed_imports(code: str) -> set[str] | None:
    if len(code) > _MOST_PARSED:
        return None
    try:
        tree = ast.parse(code, _FILE)
    except (SyntaxError, ValueError, RecursionError, MemoryError, UnicodeError):
        return None
    found: set[str] = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found.update([alias.name for alias in node.names])
        elif isinstance(node, ast.ImportFrom):
            if node.module and not node.level:
                found.add(node.module)
        elif not isinstance(node, (ast.Expr, ast.Assign)):
            for name in _BLOCKS:
                waiting += getattr(node, name, ())
    return found


def _searched_imports(code: str) -> Iterator[str]:
    for count, match in enumerate(_IMPORT.finditer(code)):
        if count >= _MOST_NAMES:
            return
        if match[2]:
            yield match[2].strip(".")
            continue
        for clause in match[1].split(","):
            if name := _NAME.match(clause.strip()):
                yield name[0].strip(".")
