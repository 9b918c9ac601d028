"""The `dylink.0` section, in which a shared library says what it needs to be loaded.

As tool-conventions, DynamicLinking.md describes it; the flags are those of the "linking"
section (Linking.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from hermetic_wasm.binary import Reader
from hermetic_wasm.errors import MalformedModule
from hermetic_wasm.module import Module
from hermetic_wasm.structure import SectionId

SECTION = "dylink.0"
MAX_MEMORY_BYTES = 1024 * 1024 * 1024
MAX_TABLE_ELEMENTS = 1_000_000
_MAX_ALIGNMENT = 16
"""As a power of two: a page of 64 KiB."""

_MAX_NAMES = 1000
_MEMORY_INFO, _NEEDED, _EXPORT_INFO, _IMPORT_INFO, _RUNTIME_PATH = 1, 2, 3, 4, 5
_BINDING_MASK, _BINDING_WEAK = 0x03, 0x01
_THREAD_LOCAL, _ABSOLUTE = 0x100, 0x200


@dataclass(frozen=True, slots=True)
class DynamicSection:
    """Sizes are in bytes and table elements, alignments likewise.

    `needed` are names of libraries, `runtime_paths` where to look for them (`$ORIGIN` is
    the library's own directory). `weak_imports` may stay undefined. `absolute_exports`
    are constants, not addresses.
    """

    memory_bytes: int = 0
    memory_alignment: int = 1
    table_elements: int = 0
    table_alignment: int = 1
    needed: tuple[str, ...] = ()
    runtime_paths: tuple[str, ...] = ()
    weak_imports: frozenset[tuple[str, str]] = frozenset()
    absolute_exports: frozenset[str] = frozenset()


def read_dynamic_section(module: Module) -> DynamicSection:
    """Raises `MalformedModule` when the section is not there, or not understood."""
    first = module.sections[0] if module.sections else None
    if first is None or first.id is not SectionId.CUSTOM:
        raise MalformedModule("not a shared library: there is no dylink.0 section at its start")
    reader = Reader(module.data, first.start, first.end)
    name = reader.name()
    if name != SECTION:
        raise MalformedModule(f"not a shared library: it starts with a section {name[:40]!r}")
    fields: dict[str, object] = {}
    while not reader.at_end:
        fields |= _subsection(reader, fields)
    return DynamicSection(**fields)  # pyright: ignore[reportArgumentType]


def _subsection(reader: Reader, before: dict[str, object]) -> dict[str, object]:
    kind, size = reader.byte(), reader.u32()
    if size > reader.end - reader.position:
        raise reader.malformed(f"subsection of {size} bytes, {reader.end - reader.position} left")
    part = Reader(reader.data, reader.position, reader.position + size)
    reader.position += size
    fields: dict[str, object]
    if kind == _MEMORY_INFO:
        fields = _sizes(part)
    elif kind == _NEEDED:
        fields = {"needed": _names(part)}
    elif kind == _EXPORT_INFO:
        fields = {"absolute_exports": _absolute_exports(part)}
    elif kind == _IMPORT_INFO:
        fields = {"weak_imports": _weak_imports(part)}
    elif kind == _RUNTIME_PATH:
        fields = {"runtime_paths": _names(part)}
    else:
        raise part.malformed(f"unknown subsection {kind} of {SECTION}")
    part.expect_end()
    if fields.keys() & before.keys():
        raise part.malformed(f"second subsection {kind} of {SECTION}")
    return fields


def _sizes(part: Reader) -> dict[str, object]:
    memory_bytes, memory_alignment = part.u32(), part.u32()
    table_elements, table_alignment = part.u32(), part.u32()
    if memory_bytes > MAX_MEMORY_BYTES or table_elements > MAX_TABLE_ELEMENTS:
        raise part.malformed(f"{memory_bytes} bytes and {table_elements} table elements are asked")
    if max(memory_alignment, table_alignment) > _MAX_ALIGNMENT:
        raise part.malformed("alignment above 64 KiB")
    return {
        "memory_bytes": memory_bytes,
        "memory_alignment": 1 << memory_alignment,
        "table_elements": table_elements,
        "table_alignment": 1 << table_alignment,
    }


def _names(part: Reader) -> tuple[str, ...]:
    count = part.count()
    if count > _MAX_NAMES:
        raise part.malformed(f"{count} libraries or paths announced")
    return tuple(part.name() for _ in range(count))


def _absolute_exports(part: Reader) -> frozenset[str]:
    names: set[str] = set()
    for _ in range(part.count()):
        name, flags = part.name(), part.u32()
        if flags & _THREAD_LOCAL:
            raise part.malformed(f"{name[:200]!r} is thread-local, which is not supported")
        if flags & _ABSOLUTE:
            names.add(name)
    return frozenset(names)


def _weak_imports(part: Reader) -> frozenset[tuple[str, str]]:
    imports = ((part.name(), part.name(), part.u32()) for _ in range(part.count()))
    return frozenset(
        (module, name) for module, name, flags in imports if flags & _BINDING_MASK == _BINDING_WEAK
    )
