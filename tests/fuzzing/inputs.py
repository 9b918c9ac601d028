"""Scripts with a metadata block, and WebAssembly modules, as their worst authors write them."""

from __future__ import annotations

from functools import cache
from random import Random

import wasmtime
from engines import wasmtime_engine
from random_modules import random_module
from shared_libraries import extension

from hermetic_runtime.errors import InvalidScript
from hermetic_runtime.packages.script_metadata import read_script_metadata
from hermetic_wasm.errors import MalformedModule
from hermetic_wasm.legacy_exceptions import translate
from hermetic_wasm.side_module import prepare_side_module

_LINES = (
    "# /// script",
    "# /// script ",
    "# /// other",
    "# ///",
    "#///",
    "#",
    "",
    "# dependencies = ['a', \"b>=1\"]",
    "# dependencies = [",
    "#   'six',",
    "# ]",
    "# dependencies = 7",
    "# requires-python = '>=3.11'",
    "# requires-python = []",
    "# [tool]",
    "# [tool.hermetic]",
    "# interpreter = 'wasi'",
    "# interpreter = {a = 1}",
    "# preload = ['json', 'a.b', '../x']",
    "# [tool.hermetic.limits]",
    "# wall_seconds = 1",
    "# wall_seconds = nan",
    "# memory_bytes = 99999999999999999999999999",
    "# files = -1",
    "# fuel = true",
    "# [tool.uv]",
    "# index-url = 'http://x'",
    "# [[tool.uv.index]]",
    "# url = 'file:///etc'",
    "# [tool.uv.sources]",
    "# a = { path = '/etc' }",
    "# " + "[" * 400,
    "# x = " + "[" * 3000 + "]" * 3000,
    "# x = " + "9" * 5000,
    "# x = 1979-05-27T07:32:00Z",
    "# a.b.c = 1",
    "# a.b = 2",
    '# "\\ud800" = 1',
    "# x = '''",
    "print(1)",
    "\x00",
    "# \x85\u2028 = 1",
)
_ENDINGS = ("\n", "\n", "\n", "\r\n", "\r")


def hostile_script(choices: Random) -> bytes:
    """Mostly a block that is closed, of lines that may make sense, and at times damaged."""
    lines = [choices.choice(_LINES) for _ in range(choices.randrange(1, 14))]
    if choices.random() < 0.8:
        lines = ["# /// script", *lines, "# ///"]
    source = bytearray(choices.choice(_ENDINGS).join(lines).encode("utf-8", "surrogatepass"))
    if source and choices.random() < 0.3:
        for _ in range(choices.randrange(1, 4)):
            source[choices.randrange(len(source))] = choices.randrange(256)
    return bytes(source)


def fault_of_script(source: bytes) -> str | None:
    """What is wrong with how a script's metadata was read, if anything is."""
    try:
        read_script_metadata(source)
    except InvalidScript as error:
        return None if error.message.startswith(("line ", "the script")) else error.message
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


@cache
def _sound_modules() -> tuple[bytes, ...]:
    legacy = [bytes(wasmtime.wat2wasm(random_module(seed))) for seed in range(12)]
    return (*legacy, extension("example", needed=["libx.so"], weak=["maybe"], table=(2, 0)))


def hostile_module(choices: Random) -> bytes:
    """A sound module with some bytes changed, removed, doubled or brought from elsewhere."""
    modules = _sound_modules()
    module = bytearray(choices.choice(modules))
    for _ in range(choices.randrange(1, 5)):
        at = choices.randrange(8, len(module))
        sort = choices.randrange(6)
        if sort < 3:
            module[at] = choices.choice((0, 1, 0x7F, 0x80, 0xFF, choices.randrange(256)))
        elif sort == 3:
            del module[at : at + choices.randrange(1, 20)]
        elif sort == 4:
            other = choices.choice(modules)
            start = choices.randrange(len(other))
            module[at:at] = other[start : start + choices.randrange(1, 60)]
        else:
            module[at:at] = b"\xff" * choices.randrange(1, 6)
        if len(module) < 10:
            break
    return bytes(module)


def fault_of_module(binary: bytes) -> str | None:
    """What is wrong with how a module was taken, if anything is. What is made of it need not
    be sound, but the engine must be able to say so.
    """
    for make in (translate, lambda binary: prepare_side_module(binary).code):
        try:
            made = make(binary)
        except MalformedModule:
            continue
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        try:
            wasmtime.Module.validate(_engine(), made)
        except wasmtime.WasmtimeError:
            continue
    return None


@cache
def _engine() -> wasmtime.Engine:
    return wasmtime_engine()
