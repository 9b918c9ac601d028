"""What the environment can set, from the settings' own docstrings."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields

from hermetic.policy.gate_settings import GateSettings
from hermetic.settings import PREFIX, ServiceSettings

INTRODUCTION = """\
# Settings

What the service takes from environment variables, and what all commands that judge calls take.
Options of a command go before them. [The command line](../cli.md#environment) has those that every
command heeds.
"""


def settings_reference() -> str:
    parts = [INTRODUCTION, "## The service\n", table(ServiceSettings)]
    parts += ["## Counters, approvals and the audit log\n", table(GateSettings)]
    return "\n".join(parts)


def table(settings: type) -> str:
    said = dict(docstrings(settings))
    rows = [
        f"| `{PREFIX}{field.name.upper()}` | {default(field)} | {said.get(field.name, '')} |"
        for field in fields(settings)
    ]
    return "\n".join(["| variable | unless given | |", "|---|---|---|", *rows, ""])


def default(field: Field[object]) -> str:
    """The value, or what is said of how it is found."""
    if field.default_factory is not MISSING:
        return inspect.getdoc(field.default_factory) or ""
    if field.default in ("", None):
        return ""
    value = field.default
    return f"`{value:.0f}`" if isinstance(value, int | float) else f"`{value}`"


def docstrings(settings: type) -> Iterator[tuple[str, str]]:
    """Each field with the text that follows it in the source."""
    [definition] = ast.parse(textwrap.dedent(inspect.getsource(settings))).body
    assert isinstance(definition, ast.ClassDef)
    for statement, after in zip(definition.body, definition.body[1:], strict=False):
        match statement, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=text)):
                yield name, " ".join(str(text).split()).replace("|", "\\|")
            case _:
                continue
