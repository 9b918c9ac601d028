"""Stand-ins for the functions that an interpreter imports and this host does not have.

Most of what Pyodide imports is its bridge to JavaScript. Each such import gets a function
of the right type, in one generated module, that reports its own number to the host and
traps.
"""

from __future__ import annotations

from collections.abc import Sequence

from hermetic_wasm.binary import encode_bytes, encode_name, encode_signed, encode_u32, encode_vector
from hermetic_wasm.errors import MalformedModule
from hermetic_wasm.structure import (
    EXTERNREF,
    I32,
    PREAMBLE,
    Export,
    ExternKind,
    FunctionType,
    SectionId,
    encode_section,
)

REPORT_IMPORT = ("hermetic", "unavailable")
"""(param i32): called with a stub's number before it traps."""
NULL_RESULTS = frozenset(("__hiwire_deduplicate_new", "_maybe_poll_async"))
"""These stubs give a null reference and report nothing. The first is called while the
interpreter starts, for a JavaScript Map that is never used after; the second before every
poll, where null means that no JavaScript socket is waited for."""

WASI = "wasi_snapshot_preview1"
_SYSCALL_PREFIX = "__syscall_"
HOST_FUNCTIONS = (
    "__assert_fail",
    "__call_sighandler",
    "_Py_CheckEmscriptenSignals_Helper",
    "_Py_emscripten_runtime",
    "_abort_js",
    "_dlopen_js",
    "_dlsym_js",
    "_emscripten_get_progname",
    "_emscripten_log_formatted",
    "_emscripten_lookup_name",
    "_emscripten_runtime_keepalive_clear",
    "_emscripten_system",
    "_gmtime_js",
    "_localtime_js",
    "_mktime_js",
    "_mmap_js",
    "_msync_js",
    "_munmap_js",
    "_setitimer_js",
    "_timegm_js",
    "_try_fcntl64",
    "_try_shutdown",
    "_tzset_js",
    "can_run_sync_js",
    "emscripten_date_now",
    "emscripten_get_heap_max",
    "emscripten_get_now",
    "emscripten_resize_heap",
    "emscripten_runtime_keepalive_pop",
    "emscripten_runtime_keepalive_push",
    "exit",
    "getaddrinfo",
    "getnameinfo",
    "getprotobyname",
)
"""What the host provides of module `env`, besides every system call."""


def is_provided_by_host(module: str, name: str) -> bool:
    """Whether an imported function is the host's; the others are stubbed.

    Raises `MalformedModule` for an import that is neither Emscripten's nor WASI's.
    """
    if module == WASI:
        return True
    if module != "env":
        raise MalformedModule(f"function {module}.{name} is imported, from an unknown module")
    return name in HOST_FUNCTIONS or name.startswith(_SYSCALL_PREFIX)


def generate_stubs(functions: Sequence[tuple[str, FunctionType]]) -> bytes:
    """A module that exports a stub for each (name, type), in the order given."""
    types = list(dict.fromkeys((FunctionType((I32,)), *(stub for _, stub in functions))))
    report = b"".join(map(encode_name, REPORT_IMPORT)) + bytes((ExternKind.FUNCTION, 0))
    exports = (
        Export(name, ExternKind.FUNCTION, number).encode()
        for number, (name, _) in enumerate(functions, start=1)
    )
    bodies = (encode_bytes(_body(number, *stub)) for number, stub in enumerate(functions))
    sections = {
        SectionId.TYPE: [item.encode() for item in types],
        SectionId.IMPORT: [report],
        SectionId.FUNCTION: [encode_u32(types.index(stub)) for _, stub in functions],
        SectionId.EXPORT: exports,
        SectionId.CODE: bodies,
    }
    return PREAMBLE + b"".join(
        encode_section(section_id, encode_vector(items)) for section_id, items in sections.items()
    )


def _body(number: int, name: str, stub: FunctionType) -> bytes:
    """No locals; then `ref.null extern`, or `i32.const number, call 0, unreachable`."""
    if name in NULL_RESULTS:
        if stub.results != (EXTERNREF,):
            raise MalformedModule(f"function env.{name} is not one that gives a reference")
        return b"\x00\xd0\x6f\x0b"
    return b"\x00\x41" + encode_signed(number) + b"\x10\x00\x00\x0b"
