"""The interpreter's own C API, called from outside.

Everything is done through exported functions of CPython 3.14 (Doc/c-api/init_config,
and the stable ABI), so no struct layout of CPython is known here.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from hermetic_runtime.abi.memory import GuestMemory
from hermetic_runtime.bindings import GuestFunction, Instance
from hermetic_runtime.errors import GuestMisbehaved

LIBRARY = "/lib/python3.14"
SITE_PACKAGES = f"{LIBRARY}/site-packages"
GUEST_LIBRARY = "/lib/hermetic"
PROGRAM = "/bin/python3"
MAX_ANSWER_BYTES = 512 * 1024 * 1024

_INTEGERS = {
    "use_environment": 0,
    "utf8_mode": 1,
    "site_import": 0,
    "write_bytecode": 0,
    "install_signal_handlers": 0,
    "parse_argv": 0,
    "user_site_directory": 0,
    "use_hash_seed": 0,
}
_STRINGS = {
    "home": "/",
    "prefix": "/",
    "exec_prefix": "/",
    "base_prefix": "/",
    "base_exec_prefix": "/",
    "executable": PROGRAM,
    "base_executable": PROGRAM,
    "program_name": PROGRAM,
    "stdlib_dir": LIBRARY,
    "platlibdir": "lib",
}
_SEARCH_PATHS = (LIBRARY, GUEST_LIBRARY)
_FUNCTIONS_OF_A_CALL = (
    "PyBytes_FromStringAndSize",
    "PyBytes_AsString",
    "PyObject_CallOneArg",
    "Py_DecRef",
    "PyBytes_Size",
)
_C_STACK_BYTES = 1024 * 1024
"""What CPython may believe of its C stack: less than there is, so that the parser and the
compiler raise RecursionError or MemoryError before native code runs out."""


class PythonAPI:
    """A CPython in a started instance."""

    def __init__(self, core: Instance, memory: GuestMemory) -> None:
        self._memory = memory
        self._core = core
        self._functions: dict[str, GuestFunction] = {}

    def find_functions(self) -> None:
        """Look up what `call` needs, for forks of this process to find it looked up."""
        for name in _FUNCTIONS_OF_A_CALL:
            self._functions[name] = self._core.function(name)

    def boot(self, trampoline: int) -> None:
        """Bring the interpreter up, with the slot of the call trampoline.

        Raises `GuestMisbehaved` when it says that it can't.
        """
        self._call("__wasm_call_ctors")
        runtime = self._core.global_value("_PyRuntime")
        offset = self._core.global_value("_PyEM_EMSCRIPTEN_TRAMPOLINE_OFFSET")
        self._memory.write_u32(runtime + self._memory.read_u32(offset), trampoline)
        base = self._call("emscripten_stack_get_base")
        self._call("emscripten_stack_set_limits", base, base - _C_STACK_BYTES)
        self._initialize()

    def _initialize(self) -> None:
        config = self._call("PyInitConfig_Create")
        if config == 0:
            raise GuestMisbehaved("the interpreter could not allocate its configuration")
        for name, number in _INTEGERS.items():
            with self._texts(name) as (option,):
                self._set(name, self._call("PyInitConfig_SetInt", config, option, number))
        for name, text in _STRINGS.items():
            with self._texts(name, text) as (option, value):
                self._set(name, self._call("PyInitConfig_SetStr", config, option, value))
        with self._texts("module_search_paths", *_SEARCH_PATHS) as (option, *paths):
            items = self._allocate(4 * len(paths))
            for index, path in enumerate(paths):
                self._memory.write_u32(items + 4 * index, path)
            status = self._call("PyInitConfig_SetStrList", config, option, len(paths), items)
            self._call("free", items)
            self._set("module_search_paths", status)
        if self._call("Py_InitializeFromInitConfig", config) != 0:
            raise GuestMisbehaved(f"the interpreter did not start: {self._reason(config)}")
        self._call("PyInitConfig_Free", config)

    @staticmethod
    def _set(name: str, status: int) -> None:
        if status != 0:
            raise GuestMisbehaved(f"the interpreter has no option {name}")

    def _reason(self, config: int) -> str:
        with self._texts("") as (slot,):
            if self._call("PyInitConfig_GetError", config, slot) != 1:
                return "it gave no reason"
            message = self._memory.c_string(self._memory.read_u32(slot))
            return message.decode("utf-8", "replace")

    def import_module(self, name: str) -> int:
        """The address of a module object. Raises `GuestMisbehaved` when it can't be imported."""
        with self._texts(name) as (text,):
            module = self._call("PyImport_ImportModule", text)
        if module == 0:
            self._call("PyErr_Print")
            raise GuestMisbehaved(f"the guest could not import {name}")
        return module

    def attribute(self, owner: int, name: str) -> int:
        """The address of an attribute's value, a new reference."""
        with self._texts(name) as (text,):
            value = self._call("PyObject_GetAttrString", owner, text)
        if value == 0:
            self._call("PyErr_Clear")
            raise GuestMisbehaved(f"the guest has no attribute {name}")
        return value

    def call(self, function: int, argument: bytes) -> bytes | None:
        """Call a Python function with one bytes object; its result if it is bytes.

        None when it raised (the exception is dropped) or gave something else.
        """
        packed = self._bytes_object(len(argument))
        if packed:
            self._memory.write(self._call("PyBytes_AsString", packed), argument)
        return self._call_with(function, packed)

    def call_with_reserve(self, function: int, size: int) -> bytes | None:
        """As `call`, with `size` bytes of memory that nothing has written to yet."""
        return self._call_with(function, self._bytes_object(size))

    def make_room(self, size: int) -> None:
        """Have memory that the guest can take `size` bytes of before it must grow, if its
        limit allows that.
        """
        taken = self._bytes_object(size)
        if taken:
            self._call("Py_DecRef", taken)
        else:
            self._call("PyErr_Clear")

    def _call_with(self, function: int, argument: int) -> bytes | None:
        result = self._call("PyObject_CallOneArg", function, argument) if argument else 0
        if argument:
            self._call("Py_DecRef", argument)
        if result == 0:
            self._call("PyErr_Clear")
            return None
        data = self._bytes_of(result)
        self._call("Py_DecRef", result)
        return data

    def _bytes_object(self, size: int) -> int:
        """A bytes object that is not initialised; 0 when there is no memory for it."""
        return self._call("PyBytes_FromStringAndSize", 0, size)

    def _bytes_of(self, result: int) -> bytes | None:
        address = self._call("PyBytes_AsString", result)
        if address == 0:
            self._call("PyErr_Clear")
            return None
        size = self._call("PyBytes_Size", result)
        return self._memory.read(address, size) if size <= MAX_ANSWER_BYTES else None

    @contextmanager
    def _texts(self, *texts: str) -> Generator[tuple[int, ...]]:
        """C strings in guest memory, freed afterwards; each at least 8 bytes long."""
        addresses: list[int] = []
        for text in texts:
            encoded = text.encode() + b"\0"
            address = self._allocate(max(len(encoded), 8))
            self._memory.write(address, encoded)
            addresses.append(address)
        yield tuple(addresses)
        for address in addresses:
            self._call("free", address)

    def _allocate(self, size: int) -> int:
        address = self._call("malloc", size)
        if address == 0:
            raise GuestMisbehaved("the guest is out of memory before it runs")
        return address

    def _call(self, name: str, *arguments: int) -> int:
        function = self._functions.get(name)
        if function is None:
            function = self._functions[name] = self._core.function(name)
        return function(*arguments)
