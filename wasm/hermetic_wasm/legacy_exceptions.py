"""Legacy WebAssembly exceptions, rewritten in the form that became the standard.

Emscripten emits the first form of the exception-handling proposal (`try`, `catch`,
`delegate`, `rethrow`), which wasmtime does not accept. The form of the WebAssembly 3.0
core specification has `try_table`, whose clauses branch to a label with the exception's
values, and `throw_ref`, which throws an exception again by reference (`exnref`). So

    try T  body  catch $a  first  catch_all  second  end

becomes

    block $done T
      block $second
        block $first (the values of $a)
          try_table T (catch $a $first) (catch_all $second)  body  end
          br $done
        end
        first
        br $done
      end
      second
    end

A handler that rethrows asks for the reference too and keeps it in a new local. A try that
delegates past its nearest guard catches everything by reference and branches into the
guard meant, whose body then is

    block $delegated (result exnref)  body  br $done  end  throw_ref
"""

from __future__ import annotations

from collections.abc import Iterator

from hermetic_wasm import opcodes
from hermetic_wasm.binary import encode_bytes, encode_vector
from hermetic_wasm.block_types import BlockTypes
from hermetic_wasm.control_flow import may_have_tries, parse_body
from hermetic_wasm.errors import MalformedModule
from hermetic_wasm.module import Module
from hermetic_wasm.structure import PREAMBLE, SectionId, encode_section
from hermetic_wasm.try_tables import FunctionWriter


def translate(module: bytes) -> bytes:
    """The same module without legacy exceptions; the same bytes if it has none.

    Raises `MalformedModule` when the module is not well-formed, or has a try that takes
    parameters, or an instruction that is not known in a function with legacy exceptions.
    The result is for an engine to validate.
    """
    source = Module(module)
    types = BlockTypes(source)
    bodies = [*_translated_bodies(source, types)]
    if not any(changed for _, changed in bodies):
        return module
    rewritten = {
        SectionId.TYPE: types.encode(),
        SectionId.CODE: encode_vector(encode_bytes(body) for body, _ in bodies),
    }
    sections = (
        encode_section(section.id, rewritten.get(section.id) or source.contents(section))
        for section in source.sections
    )
    return PREAMBLE + b"".join(sections)


def _translated_bodies(module: Module, types: BlockTypes) -> Iterator[tuple[bytes, bool]]:
    """Each function body, and whether it is another one than before."""
    if len(module.functions) != len(module.bodies):
        raise MalformedModule(
            f"{len(module.functions)} functions are declared, {len(module.bodies)} have a body"
        )
    for declared, (start, end) in zip(module.functions, module.bodies, strict=True):
        if module.data.find(opcodes.TRY, start, end) >= 0 and may_have_tries(
            module.data, start, end
        ):
            body = parse_body(module.data, start, end)
            if body.has_tries:
                parameters = len(module.type_at(declared.index).parameters)
                yield FunctionWriter(module.data, body, parameters, types).write(), True
                continue
        yield module.data[start:end], False
