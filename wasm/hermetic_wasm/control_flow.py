"""Function bodies as blocks: which instruction belongs to which, and what catches what.

The exception instructions are those of the legacy exception-handling proposal, where a
handler is part of its `try`, and `delegate` and `rethrow` name labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from hermetic_wasm import opcodes
from hermetic_wasm.binary import Reader

MAX_LOCALS = 50_000
"""Implementation limit of the WebAssembly JavaScript Interface specification, section 10."""
MAX_STRUCTURED = 500_000
"""Most blocks, branches and handlers in one function: bounds what a hostile one makes us
remember. Compilers stay far below it."""

PLAIN = -1
"""In the place of an opcode: a run of plain instructions."""
FUNCTION = -2
"""In the place of an opcode: the function itself, whose label is outermost."""

_BLOCKS = frozenset((opcodes.BLOCK, opcodes.LOOP, opcodes.IF, opcodes.TRY))
_BRANCHES = frozenset(
    (opcodes.BR, opcodes.BR_IF, opcodes.BR_ON_NULL, opcodes.BR_ON_NON_NULL, opcodes.BR_TABLE)
)


class Handler:
    """A `catch` of `tag`, or a `catch_all` where `tag` is None."""

    __slots__ = ("rethrown", "tag")

    def __init__(self, tag: int | None) -> None:
        self.tag = tag
        self.rethrown = False


class Block:
    """What has a label: a block, loop, if or try, or the function.

    `guard` is the innermost try in whose body this block is; for lack of one, the
    function. `caught_by` is what in the end gets an exception that is thrown in the body
    of this try: itself, if it has handlers, or a guard further out, or the function, which
    means that the exception leaves.
    """

    __slots__ = ("caught_by", "delegate", "guard", "handlers", "opcode", "takes_delegated", "type")

    def __init__(self, opcode: int, block_type: bytes, guard: Block | None) -> None:
        self.opcode = opcode
        self.type = block_type
        self.guard = guard or self
        self.handlers: list[Handler] = []
        self.delegate: Block | None = None
        self.caught_by = self
        self.takes_delegated = False

    @property
    def guards(self) -> bool:
        """While parsing: whether exceptions that come from here are this block's first."""
        return self.opcode == FUNCTION or (self.opcode == opcodes.TRY and not self.handlers)

    @property
    def delegates(self) -> bool:
        """Whether exceptions have to skip a guard that is nearer than `caught_by`."""
        return self.delegate is not None and self.caught_by is not self.guard.caught_by


class Instruction(NamedTuple):
    """One instruction, or a run of plain ones: the module's bytes from `start` to `end`.

    `block` is what the instruction opens, divides or ends; `handler` what it begins or
    rethrows from; `labels` the targets of a branch.
    """

    opcode: int
    start: int
    end: int
    block: Block | None = None
    handler: Handler | None = None
    labels: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class FunctionBody:
    """`local_groups` are the encoded declarations of `local_count` locals."""

    local_count: int
    local_groups: tuple[bytes, ...]
    instructions: tuple[Instruction, ...]
    function: Block
    has_tries: bool


def may_have_tries(data: bytes, start: int, end: int) -> bool:
    """Whether the function body in `data[start:end]` holds a try, or what is not known.

    Much quicker than `parse_body`. Raises `MalformedModule` when the body breaks off.
    """
    reader = Reader(data, start, end)
    for _ in _local_groups(reader):
        pass
    while True:
        if run := opcodes.UNEXCEPTIONAL_RUN.match(data, reader.position, end):
            reader.position = run.end()
        if reader.at_end:
            return False
        if reader.byte() != opcodes.BR_TABLE:
            return True
        for _ in range(reader.count() + 1):
            reader.u32()


def may_change_tables(data: bytes, start: int, end: int) -> bool:
    """Whether the function body in `data[start:end]` holds an instruction that changes a
    table, or one that is not known. Raises `MalformedModule` when the body breaks off.
    """
    reader = Reader(data, start, end)
    for _ in _local_groups(reader):
        pass
    while True:
        if run := opcodes.TABLE_PRESERVING_RUN.match(data, reader.position, end):
            reader.position = run.end()
        if reader.at_end:
            return False
        match reader.byte():
            case opcodes.BR_TABLE:
                for _ in range(reader.count() + 1):
                    reader.u32()
            case opcodes.TRY_TABLE:
                _skip_clauses(reader)
            case _:
                return True


def _skip_clauses(reader: Reader) -> None:
    """The block type of a `try_table` and its clauses: each a kind, the tag that kinds below
    two have, and a label (core specification 3.0, 5.4.1).
    """
    if reader.byte() >= 0x80:
        reader.position -= 1
        reader.signed(33)
    for _ in range(reader.count()):
        if reader.byte() < 2:
            reader.u32()
        reader.u32()


def parse_body(data: bytes, start: int, end: int) -> FunctionBody:
    """Parse the function body in `data[start:end]`.

    Raises `MalformedModule` when blocks do not nest, a label names no block, or an
    instruction is not known.
    """
    reader = Reader(data, start, end)
    groups = tuple(_local_groups(reader))
    local_count = sum(count for count, _ in groups)
    if local_count > MAX_LOCALS:
        raise reader.malformed(f"{local_count} locals, at most {MAX_LOCALS} are supported")
    parser = _Parser(reader)
    instructions = tuple(parser.instructions())
    parser.settle_delegates()
    return FunctionBody(
        local_count,
        tuple(encoded for _, encoded in groups),
        instructions,
        parser.function,
        bool(parser.tries),
    )


def _local_groups(reader: Reader) -> Iterator[tuple[int, bytes]]:
    for _ in range(reader.count()):
        start = reader.position
        count = reader.u32()
        reader.value_type()
        yield count, reader.data[start : reader.position]


class _Parser:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.function = Block(FUNCTION, b"", None)
        self._open = [self.function]
        self.tries: list[Block] = []
        self._structured_left = MAX_STRUCTURED

    def instructions(self) -> Iterator[Instruction]:
        """Every instruction in order. The last one ends the function."""
        reader = self._reader
        plain_run = opcodes.PLAIN_RUN.match
        while self._open:
            start = reader.position
            if run := plain_run(reader.data, start, reader.end):
                reader.position = run.end()
                yield Instruction(PLAIN, start, reader.position)
            else:
                yield self._structured(start, reader.byte())
        reader.expect_end()

    def _structured(self, start: int, opcode: int) -> Instruction:
        self._structured_left -= 1
        if self._structured_left < 0:
            raise self._reader.malformed(f"more than {MAX_STRUCTURED} blocks and branches")
        block: Block | None = None
        handler: Handler | None = None
        labels: tuple[Block, ...] = ()
        if opcode in _BLOCKS:
            block = self._enter(opcode)
        elif opcode == opcodes.END:
            block = self._open.pop()
        elif opcode in _BRANCHES:
            count = self._reader.count() + 1 if opcode == opcodes.BR_TABLE else 1
            labels = tuple(self._label() for _ in range(count))
        elif opcode == opcodes.ELSE:
            block = self._innermost(opcodes.IF, "else outside an if")
        elif opcode in (opcodes.CATCH, opcodes.CATCH_ALL):
            block, handler = self._begin_handler(opcode)
        elif opcode == opcodes.RETHROW:
            block, handler = self._rethrow()
        elif opcode == opcodes.DELEGATE:
            block = self._end_with_delegate()
        else:
            self._skip_data_instruction(opcode)
        return Instruction(opcode, start, self._reader.position, block, handler, labels)

    def _enter(self, opcode: int) -> Block:
        outer = self._open[-1]
        block = Block(opcode, self._block_type(), outer if outer.guards else outer.guard)
        self._open.append(block)
        if opcode == opcodes.TRY:
            self.tries.append(block)
        return block

    def _block_type(self) -> bytes:
        reader = self._reader
        start = reader.position
        first = reader.byte()
        if first != opcodes.EMPTY_BLOCK_TYPE[0]:
            reader.position = start
            if 0x40 < first < 0x80:
                reader.value_type()
            elif reader.signed(33) < 0:
                raise reader.malformed("unknown block type")
        return reader.data[start : reader.position]

    def _innermost(self, opcode: int, problem: str) -> Block:
        block = self._open[-1]
        if block.opcode != opcode:
            raise self._reader.malformed(problem)
        return block

    def _label(self) -> Block:
        depth = self._reader.u32()
        if depth >= len(self._open):
            raise self._reader.malformed(f"label {depth} names no block")
        return self._open[-1 - depth]

    def _begin_handler(self, opcode: int) -> tuple[Block, Handler]:
        block = self._innermost(opcodes.TRY, "catch outside a try")
        if block.handlers and block.handlers[-1].tag is None:
            raise self._reader.malformed("catch after catch_all")
        handler = Handler(self._reader.u32() if opcode == opcodes.CATCH else None)
        block.handlers.append(handler)
        return block, handler

    def _rethrow(self) -> tuple[Block, Handler]:
        block = self._label()
        if block.opcode != opcodes.TRY or not block.handlers:
            raise self._reader.malformed("rethrow outside a handler")
        handler = block.handlers[-1]
        handler.rethrown = True
        return block, handler

    def _end_with_delegate(self) -> Block:
        block = self._innermost(opcodes.TRY, "delegate outside a try")
        if block.handlers:
            raise self._reader.malformed("delegate in a try that has handlers")
        self._open.pop()
        target = self._label()
        block.delegate = target if target.guards else target.guard
        return block

    def _skip_data_instruction(self, opcode: int) -> None:
        reader = self._reader
        if opcode == opcodes.BULK_MEMORY:
            operation = reader.byte()
            if operation == opcodes.MEMORY_INIT:
                reader.u32()
                reader.u32()
                return
            if operation == opcodes.DATA_DROP:
                reader.u32()
                return
        raise reader.malformed(f"instruction {opcode:#x} breaks off or is not supported")

    def settle_delegates(self) -> None:
        """Find what catches in the end; outer tries come first, inner ones build on them."""
        for block in self.tries:
            if block.handlers:
                continue
            if block.delegate is None:
                block.caught_by = block.guard.caught_by
            else:
                block.caught_by = block.delegate.caught_by
                block.caught_by.takes_delegated |= block.delegates
