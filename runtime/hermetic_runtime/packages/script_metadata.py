"""What a script says about itself in its metadata block (PEP 723)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, NoReturn, cast

from hermetic_runtime.errors import HermeticError, InvalidScript
from hermetic_runtime.limits import Limits
from hermetic_runtime.packages.package_index import ScriptIndexes, script_indexes
from hermetic_runtime.packages.script_block import ScriptBlock, find_script_block
from hermetic_runtime.packages.settings import INTERPRETERS
from hermetic_runtime.packages.stated_requirement import StatedRequirement

_TOP = ("dependencies", "requires-python", "tool")
_HERMETIC = ("interpreter", "preload", "limits")
_LIMITS = tuple(limit.name for limit in fields(Limits))
_LINE = re.compile(r" ?\(at (?:line (\d+), column \d+|end of document)\)")


@dataclass(frozen=True, slots=True)
class ScriptMetadata:
    """Checked but for PEP 508 and PEP 440, which are when requirements are resolved.

    `limits` are fields of `Limits`, which narrow the caller's and never widen them.
    `indexes` is what `[tool.uv]` asks for, None if it asks for nothing.
    """

    line: int
    requirements: tuple[StatedRequirement, ...] = ()
    requires_python: StatedRequirement | None = None
    interpreter: str | None = None
    preload: tuple[str, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict[str, float])
    indexes: ScriptIndexes | None = None

    def narrow(self, limits: Limits) -> Limits:
        """The caller's limits, with those of the script where they are lower."""
        present = {name: getattr(limits, name) for name in self.limits}
        lower = {
            name: wanted
            for name, wanted in self.limits.items()
            if present[name] is None or wanted < present[name]
        }
        return replace(limits, **cast("dict[str, Any]", lower))


def read_script_metadata(source: bytes | str) -> ScriptMetadata | None:
    """The metadata of a script, None if it has no block. Cheap then.

    Raises `InvalidScript`, with the line, when the block is wrong.
    """
    block = find_script_block(source)
    return None if block is None else _Reader(block).read()


class _Reader:
    def __init__(self, block: ScriptBlock) -> None:
        self._block = block
        self._lines = block.content.split("\n")

    def read(self) -> ScriptMetadata:
        from tomllib import loads

        try:
            document = loads(self._block.content)
        except (ValueError, RecursionError) as error:
            self._refuse_toml(str(error))
        self._known_keys("", document, _TOP)
        tools = self._table("tool", document.get("tool", {}))
        ours = self._table("tool.hermetic", tools.get("hermetic", {}))
        self._known_keys("tool.hermetic.", ours, _HERMETIC)
        interpreter = ours.get("interpreter")
        if interpreter is not None and interpreter not in INTERPRETERS:
            names = ", ".join(f'"{name}"' for name in INTERPRETERS)
            self._refuse("interpreter", f"tool.hermetic.interpreter must be one of {names}")
        dependencies = self._strings("dependencies", document)
        uv = self._table("tool.uv", tools.get("uv", {}))
        return ScriptMetadata(
            line=self._block.line,
            requirements=tuple(self._stated(text) for text in dependencies),
            requires_python=self._requires_python(document.get("requires-python")),
            interpreter=interpreter,
            preload=self._preload(ours),
            limits=self._limits(ours),
            indexes=self._checked("tool.uv", lambda: script_indexes(uv)) if uv else None,
        )

    def _requires_python(self, value: object) -> StatedRequirement | None:
        if value is None:
            return None
        if not isinstance(value, str):
            self._refuse("requires-python", "requires-python must be a string")
        at = self._line_of("requires-python")
        return StatedRequirement(value.strip(), f"line {at}", in_script=True)

    def _preload(self, ours: Mapping[str, Any]) -> tuple[str, ...]:
        names = self._strings("preload", ours, "tool.hermetic.")
        for name in names:
            if not all(part.isidentifier() for part in name.split(".")):
                self._refuse(name, f"tool.hermetic.preload: {name!r} is not the name of a module")
        return names

    def _limits(self, ours: Mapping[str, Any]) -> dict[str, float]:
        limits = self._table("tool.hermetic.limits", ours.get("limits", {}))
        self._known_keys("tool.hermetic.limits.", limits, _LIMITS)
        for name, value in limits.items():
            self._checked(name, lambda name=name, value=value: Limits(**{name: value}))
        return dict(limits)

    def _checked(self, key: str, check: Callable[[], Any]) -> Any:
        try:
            return check()
        except HermeticError as error:
            at = self._line_of(key)
            raise InvalidScript(f"line {at}: {error.message}", hint=error.hint) from error

    def _stated(self, text: str) -> StatedRequirement:
        return StatedRequirement(text.strip(), f"line {self._line_of(text)}", in_script=True)

    def _strings(self, key: str, table: Mapping[str, Any], prefix: str = "") -> tuple[str, ...]:
        value: object = table.get(key, [])
        items = cast("list[object]", value) if isinstance(value, list) else [None]
        if not all(isinstance(item, str) for item in items):
            self._refuse(key, f"{prefix}{key} must be a list of strings")
        return tuple(cast("list[str]", items))

    def _table(self, key: str, value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._refuse(key.split(".")[-1], f"{key} must be a table")
        return cast("dict[str, Any]", value)

    def _known_keys(self, prefix: str, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
        for key in table:
            if key not in known:
                self._refuse(key, f"unknown key {prefix}{key}", f"Known are {', '.join(known)}.")

    def _line_of(self, text: str) -> int:
        """Of the script; of the line that opens the block where `text` is not found."""
        for at, line in enumerate(self._lines, 1):
            if text in line:
                return self._block.line + at
        return self._block.line

    def _refuse(self, key: str, message: str, hint: str | None = None) -> NoReturn:
        raise InvalidScript(f"line {self._line_of(key)}: {message}", hint=hint)

    def _refuse_toml(self, message: str) -> NoReturn:
        place = _LINE.search(message)
        last = self._block.content.count("\n")
        at = self._block.line + (int(place[1]) if place and place[1] else last)
        raise InvalidScript(f"line {at}: the metadata is not TOML: {_LINE.sub('', message)}")
