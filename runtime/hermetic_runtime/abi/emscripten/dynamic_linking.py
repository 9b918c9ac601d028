"""dlopen and dlsym, for a linker that knows what may be loaded.

The guest's C library keeps the list of what is open and passes the address of its
`struct dso` (Emscripten 5.0.3, system/lib/libc/dynlink.c), the handle, whose fields are
filled in here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct
from typing import NamedTuple, Protocol

from hermetic_runtime.abi.binding import provides
from hermetic_runtime.abi.memory import GuestMemory
from hermetic_runtime.errors import LinkError, PreparationError
from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.kernel import Kernel

_FLAGS, _PLACE, _NAME = 4, 8, 36
"""Offsets in `struct dso`. At `_PLACE` are: allocated (u8), memory address and size, first
table slot and count."""
_PLACE_LAYOUT = Struct("<B3xIIII")
_RTLD_GLOBAL = 0x100
_MESSAGE_BYTES = 2000
_SYMBOL_BYTES = 65_536
_FORMAT = b"%s\0\0"
_NOT_OF_THE_SET = "only extension modules of the package set can be loaded"


class Opened(NamedTuple):
    """Where a module is: addresses and sizes in bytes and table slots."""

    memory_base: int
    memory_bytes: int
    table_base: int
    table_elements: int


class DynamicLinker(Protocol):
    """`path` is relative to the folder of the package set."""

    def open_at(self, path: str, *, for_everyone: bool) -> Opened: ...

    def symbol(self, path: str | None, name: str) -> int: ...


class DynamicLinkingCalls:
    """`opened` maps handles to paths relative to the folder of the package set."""

    def __init__(self, kernel: Kernel, memory: GuestMemory) -> None:
        self._kernel = kernel
        self._memory = memory
        self._linker: DynamicLinker | None = None
        self._folder = b""
        self._functions: Mapping[str, Callable[..., int]] = {}
        self.opened: dict[int, str] = {}

    def report_with(self, functions: Mapping[str, Callable[..., int]]) -> None:
        """Give the guest's `malloc`, `free` and `__dl_seterr`."""
        self._functions = functions

    def link_with(self, linker: DynamicLinker, folder: str) -> None:
        """Without this every dlopen fails. `folder` is where the guest has the package set."""
        self._linker = linker
        self._folder = folder.encode() + b"/"

    @provides("_dlopen_js", "p", "i")
    def open(self, handle: int) -> int:
        name = "?"
        try:
            given = self._memory.c_string(handle + _NAME)
            name = given.decode("utf-8", "replace")
            if self._linker is None:
                raise LinkError(_NOT_OF_THE_SET)
            path = self._path_in_set(given)
            flags = self._memory.read_u32(handle + _FLAGS)
            place = self._linker.open_at(path, for_everyone=bool(flags & _RTLD_GLOBAL))
            self._memory.write(handle + _PLACE, _PLACE_LAYOUT.pack(1, *place))
        except LinkError as error:
            return self._fail(f"{name}: {error.message}")
        except PreparationError:
            return self._fail(f"{name}: its compiled code is missing or damaged")
        except Failure as failure:
            missing = failure.errno == Errno.ENOENT
            return self._fail(f"{name}: {'there is no such file' if missing else failure}")
        self.opened[handle] = path
        return 1

    @provides("_dlsym_js", "ppp", "i")
    def symbol(self, handle: int, name: int, _index: int) -> int:
        try:
            symbol = self._memory.c_string(name, _SYMBOL_BYTES).decode("utf-8", "replace")
            if self._linker is None:
                raise LinkError(f"undefined symbol: {symbol[:200]}")
            return self._linker.symbol(self.opened.get(handle), symbol)
        except LinkError as error:
            return self._fail(error.message)
        except Failure as failure:
            return self._fail(str(failure))

    def _path_in_set(self, name: bytes) -> str:
        path = self._kernel.real_path(name)
        if not path.startswith(self._folder):
            raise LinkError(_NOT_OF_THE_SET)
        return path[len(self._folder) :].decode("utf-8", "surrogateescape")

    def _fail(self, message: str) -> int:
        """Leave the reason where `dlerror` finds it, if there is memory for it."""
        text = message.encode("utf-8", "replace").replace(b"\0", b"?")[:_MESSAGE_BYTES]
        allocate, free = self._functions.get("malloc"), self._functions.get("free")
        if allocate is None or free is None:
            return 0
        buffer = allocate(len(_FORMAT) + 4 + len(text) + 1)
        if buffer:
            try:
                arguments = buffer + len(_FORMAT)
                self._memory.write(buffer, _FORMAT)
                self._memory.write_u32(arguments, arguments + 4)
                self._memory.write(arguments + 4, text + b"\0")
                self._functions["__dl_seterr"](buffer, arguments)
            except Failure:
                return 0
            free(buffer)
        return 0
