"""What a side module may import: code and data of others, and its place among them."""

from __future__ import annotations

from hermetic_wasm.errors import MalformedModule
from hermetic_wasm.forwarders import TABLE_IMPORT
from hermetic_wasm.import_stubs import WASI
from hermetic_wasm.side_description import (
    ADDRESSES,
    MEMORY_BASE,
    SLOTS,
    STACK_POINTER,
    TABLE_BASE,
)
from hermetic_wasm.structure import FUNCREF, I32, ExternKind, GlobalType, Import, TableType

_MEMORY_IMPORT = ("env", "memory")
_GLOBALS = {
    MEMORY_BASE: GlobalType(I32, mutable=False),
    TABLE_BASE: GlobalType(I32, mutable=False),
    STACK_POINTER: GlobalType(I32, mutable=True),
}
_OFFSET = GlobalType(I32, mutable=True)


def check_import(item: Import) -> None:
    """Raises `MalformedModule` for an import that a linker could not provide."""
    if item.kind is ExternKind.FUNCTION:
        known = item.module in ("env", WASI)
    elif item.kind is ExternKind.GLOBAL:
        expected = _GLOBALS.get(item.name) if item.module == "env" else None
        if item.module in (ADDRESSES, SLOTS):
            expected = _OFFSET
        known = item.type == expected
    elif item.kind is ExternKind.MEMORY:
        known = (item.module, item.name) == _MEMORY_IMPORT
    elif item.kind is ExternKind.TABLE:
        known = (item.module, item.name) == TABLE_IMPORT and (
            isinstance(item.type, TableType) and item.type.element == FUNCREF
        )
    else:
        known = item.module == "env"
    if not known:
        kind = item.kind.name.lower()
        raise MalformedModule(f"{kind} {item.module[:200]}.{item.name[:200]} can't be provided")
