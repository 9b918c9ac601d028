"""Types of the blocks that handle exceptions, and the type section that grows with them."""

from __future__ import annotations

from hermetic_wasm import opcodes
from hermetic_wasm.binary import Reader, encode_signed, encode_vector
from hermetic_wasm.control_flow import Handler
from hermetic_wasm.errors import MalformedModule
from hermetic_wasm.module import Module
from hermetic_wasm.structure import EXNREF, ExternKind, FunctionType, TypeIndex


class BlockTypes:
    """The types of a module, and those that its blocks turn out to need."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._types = list(module.types)
        self._indices = {declared: index for index, declared in enumerate(self._types)}
        imported = (tag.type for tag in module.imported(ExternKind.TAG))
        self._tags = [*(tag for tag in imported if isinstance(tag, TypeIndex)), *module.tags]
        self._handlers: dict[tuple[int | None, bool], bytes] = {}

    def of_handler(self, handler: Handler) -> bytes:
        """What a handler starts with: the tag's values, and the reference to throw again."""
        key = (handler.tag, handler.rethrown)
        if key not in self._handlers:
            values = () if handler.tag is None else self._tag_values(handler.tag)
            self._handlers[key] = self._producing((*values, EXNREF) if handler.rethrown else values)
        return self._handlers[key]

    def _tag_values(self, tag: int) -> tuple[bytes, ...]:
        if tag >= len(self._tags):
            raise MalformedModule(f"tag {tag} is caught, {len(self._tags)} are declared")
        return self._module.type_at(self._tags[tag].index).parameters

    def _producing(self, results: tuple[bytes, ...]) -> bytes:
        if not results:
            return opcodes.EMPTY_BLOCK_TYPE
        if len(results) == 1:
            return results[0]
        wanted = FunctionType((), results)
        if wanted not in self._indices:
            self._indices[wanted] = len(self._types)
            self._types.append(wanted)
        return encode_signed(self._indices[wanted])

    def check_try(self, block_type: bytes) -> None:
        """Refuse a try that takes parameters, for which the rewriting has no room."""
        if 0x40 <= block_type[0] < 0x80:
            return
        index = Reader(block_type).signed(33)
        if self._module.type_at(index).parameters:
            raise MalformedModule(f"a try with parameters (type {index}) is not supported")

    def encode(self) -> bytes:
        return encode_vector(declared.encode() for declared in self._types)
