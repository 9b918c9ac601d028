"""Finding functions of a module by the names that its linker left in the name section."""

from __future__ import annotations

from collections.abc import Iterable

from hermetic_wasm.binary import Reader
from hermetic_wasm.errors import MalformedModule
from hermetic_wasm.module import Module
from hermetic_wasm.structure import SectionId

_FUNCTION_NAMES = 1
"""The subsection of function names (core specification, appendix "Name Section")."""


def function_indices(module: Module, wanted: Iterable[str]) -> dict[str, int]:
    """Function indices by name.

    Raises `MalformedModule` when a name is missing or names several functions.
    """
    sought = frozenset(wanted)
    found: dict[str, int] = {}
    for index, name in _function_names(module):
        if name in sought:
            if name in found:
                raise MalformedModule(f"two functions are named {name}")
            found[name] = index
    missing = sought - found.keys()
    if missing:
        raise MalformedModule(f"no function is named {', '.join(sorted(missing))}")
    return found


def _function_names(module: Module) -> Iterable[tuple[int, str]]:
    for section in module.sections:
        if section.id is not SectionId.CUSTOM:
            continue
        reader = Reader(module.data, section.start, section.end)
        if reader.name() != "name":
            continue
        while not reader.at_end:
            subsection, size = reader.byte(), reader.u32()
            end = reader.position + size
            if subsection == _FUNCTION_NAMES:
                for _ in range(reader.count()):
                    yield reader.u32(), reader.name()
            reader.position = end
