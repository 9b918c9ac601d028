"""The interpreter's own account of a hibernated guest, checked against that of its base.

What an interpreter fixes when it boots must be as in the base, which is trusted; what
goes on changing must have the right form. Beyond that a wrong number harms only the guest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from hermetic_runtime.kernel.constants import PATH_MAX
from hermetic_runtime.processes.fields import Fields, ProtocolError

_U32 = 2**32 - 1
_MOST_SLOTS = 200_000
_MOST_MODULES = 10_000
_MOST_CHANGES = 200_000
_SYMBOL_CHARACTERS = 65_536
_HASH_CHARACTERS = 64
_FIXED = ("run", "trampoline", "switch")
_COLUMNS = {
    "module": (
        "path",
        "sha256",
        "needed",
        "memory_base",
        "first_slot",
        "slot_count",
        "table_base",
        "own_slots",
        "offsets",
        "globals",
    ),
    "slot": ("slot", "path", "name"),
    "lost": ("first_slot", "slot_count"),
}


def check_instance(given: Mapping[str, Any], base: Mapping[str, Any]) -> None:
    """Raises `ProtocolError`."""
    if given.keys() != base.keys():
        raise ProtocolError("the account of the interpreter is not one of this interpreter")
    for name in _FIXED:
        if name in base and _plain(given[name]) != _plain(base[name]):
            raise ProtocolError(f"the account of the interpreter has another {name}")
    _check_globals(given["globals"], base["globals"])
    if "linker" in base:
        modules = (
            set[str]()
            if given["linker"] is None
            else _check_linker(_copied("linker", given["linker"]))
        )
        _check_opened(Fields("instance", {"opened": given["opened"]}), modules)


def _copied(where: str, given: object) -> Fields:
    """Fields that can be taken without taking them away from `given`."""
    return Fields(where, cast("dict[str, object]", given).copy() if isinstance(given, dict) else 0)


def _plain(value: object) -> object:
    """With tuples for lists, in which a snapshot and a state file differ."""
    return tuple(map(_plain, value)) if isinstance(value, list | tuple) else value  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _check_globals(given: object, base: Mapping[str, int]) -> None:
    fields = _copied("globals", given)
    for name in base:
        fields.integer(name, 0, _U32)
    fields.end()


def _check_linker(fields: Fields) -> set[str]:
    """The paths of the modules that were loaded."""
    fields.integer("slots", 0, _MOST_SLOTS)
    modules = {""}
    slots_left = _MOST_SLOTS
    for row in fields.items("log", _MOST_CHANGES):
        slots_left -= _check_change(row, modules)
        if slots_left < 0:
            raise ProtocolError("the account of the linker has too many slots")
    if not modules.issuperset(fields.texts("for_everyone", _MOST_MODULES, PATH_MAX)):
        raise ProtocolError("the account of the linker names a module that was not loaded")
    fields.end()
    return modules


def _check_change(given: object, modules: set[str]) -> int:
    """How many slots a change takes. Adds a module that was loaded to `modules`."""
    kind, *values = given if isinstance(given, list) and given else [None]  # pyright: ignore[reportUnknownVariableType]
    columns = _COLUMNS.get(kind) if isinstance(kind, str) else None
    if columns is None or len(values) != len(columns):  # pyright: ignore[reportUnknownArgumentType]
        raise ProtocolError("the account of the linker has a change of no known kind")
    fields = Fields("change", dict(zip(columns, values, strict=True)))  # pyright: ignore[reportUnknownArgumentType]
    if kind == "slot":
        fields.integer("slot", 0, _MOST_SLOTS)
        if fields.text("path", PATH_MAX) not in modules:
            raise ProtocolError("the account of the linker has a slot of no module")
        fields.text("name", _SYMBOL_CHARACTERS)
        return 1
    slots = fields.integer("slot_count", 0, _MOST_SLOTS)
    fields.integer("first_slot", 0, _MOST_SLOTS)
    if kind == "module":
        _check_module(fields, modules)
    return slots


def _check_module(fields: Fields, modules: set[str]) -> None:
    if not modules.issuperset(fields.texts("needed", _MOST_MODULES, PATH_MAX)):
        raise ProtocolError("the account of the linker needs a module before it was loaded")
    path = fields.text("path", PATH_MAX)
    if path in modules:
        raise ProtocolError("the account of the linker has a module twice")
    fields.text("sha256", _HASH_CHARACTERS)
    fields.integer("memory_base", 0, _U32)
    fields.integer("table_base", 0, _MOST_SLOTS)
    fields.texts("own_slots", _MOST_SLOTS, _SYMBOL_CHARACTERS)
    for name in ("offsets", "globals"):
        for number in fields.items(name, _MOST_SLOTS):
            Fields(name, {"value": number}).integer("value", 0, _U32)
    modules.add(path)


def _check_opened(fields: Fields, modules: set[str]) -> None:
    for each in fields.items("opened", _MOST_CHANGES):
        pair = cast("list[object]", each) if isinstance(each, list) else []
        opened = Fields("opened", dict(zip(("handle", "path"), pair, strict=False)))
        opened.integer("handle", 0, _U32)
        if opened.text("path", PATH_MAX) not in modules:
            raise ProtocolError("a module is open that was not loaded")
