"""Function bodies with legacy exceptions, written with `try_table`.

How is told in `legacy_exceptions`.
"""

from __future__ import annotations

from hermetic_wasm import opcodes
from hermetic_wasm.binary import encode_u32, encode_vector
from hermetic_wasm.block_types import BlockTypes
from hermetic_wasm.control_flow import FUNCTION, Block, FunctionBody, Handler, Instruction
from hermetic_wasm.structure import EXNREF

_CATCH, _CATCH_REF, _CATCH_ALL, _CATCH_ALL_REF = (bytes((clause,)) for clause in range(4))


class FunctionWriter:
    """Writes one function. Open labels are counted from the function's, which is 0."""

    def __init__(self, data: bytes, body: FunctionBody, parameters: int, types: BlockTypes) -> None:
        self._data = data
        self._body = body
        self._types = types
        self._out = bytearray()
        self._open_labels = 1
        self._branch_labels = {body.function: 0}
        self._delegate_labels: dict[Block, int] = {}
        self._handler_labels: dict[Handler, int] = {}
        self._running: list[Handler] = []
        self._first_reference = parameters + body.local_count
        self._references: dict[Handler, int] = {}
        self._live_references = 0
        self._most_references = 0

    def write(self) -> bytes:
        self._begin_delegated(self._body.function)
        for instruction in self._body.instructions:
            self._write(instruction)
        groups = [*self._body.local_groups]
        if self._most_references:
            groups.append(encode_u32(self._most_references) + EXNREF)
        return encode_vector(groups) + bytes(self._out)

    def _write(self, instruction: Instruction) -> None:
        opcode, start, end, block, handler, labels = instruction
        if labels:
            self._out.append(opcode)
            if opcode == opcodes.BR_TABLE:
                self._out += encode_u32(len(labels) - 1)
            for label in labels:
                self._out += self._depth(self._branch_labels[label])
        elif block is None or opcode == opcodes.ELSE:
            self._out += self._data[start:end]
        elif opcode == opcodes.TRY:
            self._begin_try(block)
        elif opcode == opcodes.RETHROW and handler is not None:
            self._throw_again(handler)
        elif handler is not None:
            self._begin_handler(block, handler)
        elif opcode in (opcodes.END, opcodes.DELEGATE):
            self._end(block)
        else:
            self._branch_labels[block] = self._open(opcode, block.type)

    def _depth(self, label: int) -> bytes:
        return encode_u32(self._open_labels - 1 - label)

    def _open(self, opcode: int, block_type: bytes, clauses: bytes = b"") -> int:
        self._out.append(opcode)
        self._out += block_type
        self._out += clauses
        self._open_labels += 1
        return self._open_labels - 1

    def _close(self) -> None:
        self._out.append(opcodes.END)
        self._open_labels -= 1

    def _branch(self, label: int) -> None:
        self._out.append(opcodes.BR)
        self._out += self._depth(label)

    def _begin_try(self, block: Block) -> None:
        self._types.check_try(block.type)
        if block.delegates:
            target = self._depth(self._delegate_labels[block.caught_by])
            clauses = encode_vector([_CATCH_ALL_REF + target])
            self._branch_labels[block] = self._open(opcodes.TRY_TABLE, block.type, clauses)
            return
        self._branch_labels[block] = self._open(opcodes.BLOCK, block.type)
        if block.handlers:
            for handler in reversed(block.handlers):
                handler_type = self._types.of_handler(handler)
                self._handler_labels[handler] = self._open(opcodes.BLOCK, handler_type)
            clauses = encode_vector(self._clause(handler) for handler in block.handlers)
            self._open(opcodes.TRY_TABLE, block.type, clauses)
            self._begin_delegated(block)

    def _clause(self, handler: Handler) -> bytes:
        label = self._depth(self._handler_labels[handler])
        if handler.tag is None:
            return (_CATCH_ALL_REF if handler.rethrown else _CATCH_ALL) + label
        kind = _CATCH_REF if handler.rethrown else _CATCH
        return kind + encode_u32(handler.tag) + label

    def _begin_delegated(self, guard: Block) -> None:
        if guard.takes_delegated:
            self._delegate_labels[guard] = self._open(opcodes.BLOCK, EXNREF)

    def _end_delegated(self, guard: Block) -> None:
        if guard.takes_delegated:
            self._branch(self._branch_labels[guard])
            self._close()
            self._out.append(opcodes.THROW_REF)

    def _begin_handler(self, block: Block, handler: Handler) -> None:
        if handler is block.handlers[0]:
            self._end_delegated(block)
            self._close()
        else:
            self._end_handler()
        self._branch(self._branch_labels[block])
        self._close()
        self._running.append(handler)
        if handler.rethrown:
            self._keep_reference(handler)

    def _end(self, block: Block) -> None:
        if block.opcode == FUNCTION:
            self._end_delegated(block)
        elif block.handlers:
            self._end_handler()
        self._close()

    def _keep_reference(self, handler: Handler) -> None:
        self._references[handler] = local = self._first_reference + self._live_references
        self._live_references += 1
        self._most_references = max(self._most_references, self._live_references)
        self._out.append(opcodes.LOCAL_SET)
        self._out += encode_u32(local)

    def _end_handler(self) -> None:
        self._live_references -= self._running.pop().rethrown

    def _throw_again(self, handler: Handler) -> None:
        self._out.append(opcodes.LOCAL_GET)
        self._out += encode_u32(self._references[handler])
        self._out.append(opcodes.THROW_REF)
