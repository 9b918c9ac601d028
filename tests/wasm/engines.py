"""Running small modules: in wasmtime, and in V8 where node is there."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Sequence

import wasmtime

_NODE_PROGRAM = """
const modules = JSON.parse(require("fs").readFileSync(0, "utf8"));
const results = modules.map(([encoded, calls]) => {
  const module = new WebAssembly.Module(Buffer.from(encoded, "base64"));
  return calls.map((argument) => {
    const { run } = new WebAssembly.Instance(module).exports;
    try { return run(argument); }
    catch (error) { return error instanceof WebAssembly.Exception ? "exception" : "trap"; }
  });
});
process.stdout.write(JSON.stringify(results));
"""

Outcome = int | str
"""What `run` gave, or "trap", or "exception" where one left it."""


def assemble(text: str) -> bytes:
    """The binary of a module in the text format, legacy exceptions included."""
    return bytes(wasmtime.wat2wasm(text))


def wasmtime_engine() -> wasmtime.Engine:
    config = wasmtime.Config()
    config.wasm_exceptions = True
    config.wasm_gc = True
    config.wasm_function_references = True
    config.wasm_reference_types = True
    config.wasm_tail_call = True
    return wasmtime.Engine(config)


def run_in_wasmtime(binary: bytes, arguments: Sequence[int]) -> list[Outcome]:
    """What `run` gives for each argument, each in an instance of its own."""
    engine = wasmtime_engine()
    module = wasmtime.Module(engine, binary)
    return [_call(engine, module, argument) for argument in arguments]


def _call(engine: wasmtime.Engine, module: wasmtime.Module, argument: int) -> Outcome:
    store = wasmtime.Store(engine)
    run = wasmtime.Instance(store, module, []).exports(store)["run"]
    assert isinstance(run, wasmtime.Func)
    try:
        return run(store, argument)
    except wasmtime.Trap:
        return "trap"
    except wasmtime.WasmtimeError:
        return "exception"


def run_in_node(modules: Sequence[tuple[bytes, Sequence[int]]]) -> list[list[Outcome]]:
    """The same for several modules, all in one node process."""
    request = [
        (base64.b64encode(binary).decode(), list(arguments)) for binary, arguments in modules
    ]
    finished = subprocess.run(
        ["node", "-e", _NODE_PROGRAM],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(finished.stdout)
