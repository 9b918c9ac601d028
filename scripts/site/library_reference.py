"""The public names of the library, from their signatures and docstrings."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import is_dataclass
from enum import Enum
from types import ModuleType
from typing import Any

import hermetic
from hermetic_runtime import errors, reported, results

INTRODUCTION = """\
# Names of the library

Made from the docstrings of the source. [The library](../library.md) shows how they are used.
"""


def library_reference() -> str:
    parts = [INTRODUCTION]
    parts += [described(f"hermetic.{name}", getattr(hermetic, name)) for name in hermetic.__all__]
    parts.append("## What a result is made of\n")
    parts += [
        described(f"{module.__name__}.{name}", kind, level=3)
        for module in (results, reported)
        for name, kind in classes_of(module)
        if name not in hermetic.__all__
    ]
    parts.append("## Errors\n")
    parts += [
        described(f"hermetic.errors.{name}", getattr(errors, name), level=3)
        for name in errors.__all__
        if name not in hermetic.__all__
    ]
    return "\n".join(parts)


def classes_of(module: ModuleType) -> Iterator[tuple[str, type]]:
    """The public classes that a module defines, in the order of its source."""
    for name, kind in vars(module).items():
        if inspect.isclass(kind) and kind.__module__ == module.__name__ and name[0] != "_":
            yield name, kind


def described(path: str, thing: object, level: int = 2) -> str:
    """One name: heading, signature, docstring, and for a class what it has."""
    name = path.rpartition(".")[2]
    lines = [f"{'#' * level} {name}\n", f"```text\n{signature(path, thing)}\n```\n"]
    lines.append(docstring(thing))
    if not inspect.isclass(thing):
        return "\n".join(lines)
    if (code := getattr(thing, "code", None)) and isinstance(code, str):
        lines.append(f"Its code is `{code}`.\n")
    for attribute, annotation, text in attributes(thing):
        lines.append(f"`{attribute}`{f': `{annotation}`' if annotation else ''}\n\n:   {text}\n")
    for member, value in methods(thing):
        heading = "#" * (level + 1)
        lines.append(f"{heading} {name}.{member}\n")
        if not isinstance(value, property):
            lines.append(f"```text\n{signature(f'{name}.{member}', value)}\n```\n")
        lines.append(docstring(value))
    return "\n".join(lines)


def signature(path: str, thing: Any) -> str:
    if inspect.isclass(thing) and (is_dataclass(thing) or issubclass(thing, Enum)):
        return f"class {path}"
    function = getattr(thing, "__func__", thing)
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(function)))
    text = text.replace("(self, ", "(").replace("(self)", "()").replace("(cls, ", "(")
    prefix = "class " if inspect.isclass(thing) else ""
    prefix = "async " if inspect.iscoroutinefunction(function) else prefix
    whole = f"{prefix}{path}{text}"
    if len(whole) <= 90:
        return whole
    arguments, _, returned = text.removeprefix("(").rpartition(")")
    lines = "".join(f"    {argument},\n" for argument in split_arguments(arguments))
    return f"{prefix}{path}(\n{lines}){returned}"


def split_arguments(text: str) -> list[str]:
    """Split at the commas that are in no brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def docstring(thing: object) -> str:
    """What its author wrote; nothing where it is inherited or generated."""
    own = thing.__dict__.get("__doc__") if inspect.isclass(thing) else thing.__doc__
    if not own or (inspect.isclass(thing) and own.startswith(f"{thing.__name__}(")):
        return ""
    return inspect.cleandoc(own) + "\n"


def methods(kind: type) -> Iterator[tuple[str, object]]:
    """What is public and its own."""
    for name, value in vars(kind).items():
        if name[0] == "_":
            continue
        if isinstance(value, property | classmethod | staticmethod) or inspect.isfunction(value):
            yield name, value


def attributes(kind: type) -> Iterator[tuple[str, str, str]]:
    """Fields and members with their annotation, default and the docstring that follows them."""
    try:
        [definition] = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    except OSError:
        return
    assert isinstance(definition, ast.ClassDef)
    body = definition.body
    for statement, after in zip(body, [*body[1:], None], strict=True):
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name)):
                annotation = ast.unparse(statement.annotation)
            case ast.Assign(targets=[ast.Name(id=name)]) if issubclass(kind, Enum):
                annotation = ""
            case _:
                continue
        if name[0] == "_":
            continue
        match after:
            case ast.Expr(value=ast.Constant(value=str(text))):
                said = inspect.cleandoc(text)
            case _:
                said = ""
        default = f"`{ast.unparse(statement.value)}`" if statement.value else "Always given."
        if issubclass(kind, Enum) or not said:
            said = f"{default}{'. ' + said if said else ''}"
        elif statement.value:
            said = f"{said} Unless given: {default}."
        yield name, annotation, said.replace("\n", " ")
