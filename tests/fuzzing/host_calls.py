"""Host functions of both ABIs, called as an interpreter that was taken over would call them.

A call may answer, fail with an errno, raise `Failure` (which ends the guest) or end it with
a `GuestStop`. Nothing else may come out of it, no access may reach outside of the memory,
which lies between guards here, and no limit may be passed.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from struct import pack
from typing import NamedTuple

from hermetic_runtime.abi.binding import HostFunction
from hermetic_runtime.abi.emscripten import EmscriptenABI
from hermetic_runtime.abi.emscripten.dynamic_linking import Opened
from hermetic_runtime.abi.memory import PAGE_BYTES, GuestMemory
from hermetic_runtime.abi.wasi import WasiABI
from hermetic_runtime.errors import LinkError
from hermetic_runtime.kernel.clock import Clock
from hermetic_runtime.kernel.constants import AT_FDCWD, O_CREAT, O_RDWR
from hermetic_runtime.kernel.devices import DeviceFilesystem
from hermetic_runtime.kernel.errno import Failure
from hermetic_runtime.kernel.host import HostFilesystem
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.memory import MemoryFilesystem
from hermetic_runtime.kernel.overlay import OverlayFilesystem
from hermetic_runtime.kernel.quota import Quota
from hermetic_runtime.kernel.stops import GuestStop
from hermetic_runtime.kernel.streams import BytesInput, OutputBudget, OutputStream
from hermetic_runtime.kernel.wakeup import Wakeup

_MOST_PAGES = 3
_GUARD = b"\xa5" * PAGE_BYTES
_DISK_BYTES, _FILES, _OPEN_FILES = 1024 * 1024, 60, 24
_CALLS_BETWEEN_CHECKS = 64

_TEXTS = (
    b"/tmp",
    b"/tmp/a",
    b"/tmp/a/b",
    b"/tmp/link",
    b"/out/file",
    b"/out/d/inner",
    b"/out/new",
    b"/out/link",
    b"/host/file",
    b"/host/link",
    b"/dev/null",
    b"/dev/zero",
    b"/dev/stdin",
    b"/../../etc/passwd",
    b"../..",
    b"a",
    b"",
    b".",
    b"/",
    b"\xff\xfe/\x01",
    b"n" * 300,
    b"d/" * 200,
)
_TEXT_SPACE = 512
_STRUCTURES = len(_TEXTS) * _TEXT_SPACE
"""From here on there are structures: numbers, most of which mean something somewhere."""
_STRUCTURES_END = _STRUCTURES + 4096
_EDGES = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF8, 0xFFFFFFFF)
_INTEGERS = (AT_FDCWD, -1, 2**31 - 1, -(2**31), 0o1777777, 0x1000, 0x800, 1024, 65_536, 0o777)
_LONGS = (2**63 - 1, -(2**63), 2**32, -1, 2**40, 2**62)
_DOUBLES = (0.0, -1.0, 1e300, float("inf"), float("-inf"), float("nan"))


class Fault(NamedTuple):
    """What must not be, and the call after which it was seen."""

    call: str
    what: str


class WatchedMemory(GuestMemory):
    """Guest memory that tells an address below zero, which a slice would take from the end."""

    __slots__ = ()

    def check(self, address: int, length: int) -> None:
        assert address >= 0 and length >= 0
        super().check(address, length)

    def read(self, address: int, length: int) -> bytes:
        assert address >= 0
        return super().read(address, length)

    def write(self, address: int, data: bytes | memoryview) -> None:
        assert address >= 0
        super().write(address, data)

    def read_u32(self, address: int) -> int:
        assert address >= 0
        return super().read_u32(address)

    def read_i32(self, address: int) -> int:
        assert address >= 0
        return super().read_i32(address)

    def write_u32(self, address: int, value: int) -> None:
        assert address >= 0
        super().write_u32(address, value)

    def write_u64(self, address: int, value: int) -> None:
        assert address >= 0
        super().write_u64(address, value)

    def c_string(self, address: int, limit: int = 4096) -> bytes:
        assert address >= 0
        return super().c_string(address, limit)


class FuzzedGuest:
    """A kernel with every kind of filesystem, and both ABIs over one memory."""

    def __init__(self, choices: Random, folder: Path) -> None:
        self._choices = choices
        self._pages = 1
        self._whole = bytearray(_GUARD + bytes(_MOST_PAGES * PAGE_BYTES) + _GUARD)
        self._folder = folder
        self._folder_fd = os.open(folder, os.O_RDONLY)
        self._before = _contents(folder)
        self._quota = quota = Quota(_DISK_BYTES, _FILES)
        self._kernel = self._new_kernel(quota)
        memory = WatchedMemory(self._map_memory)
        self._fill()
        emscripten = EmscriptenABI(
            self._kernel,
            memory,
            environment={"NAME": "value", "EMPTY": ""},
            program="/bin/python3",
            memory_limit=_MOST_PAGES * PAGE_BYTES,
            grow_by_pages=self._grow,
        )
        emscripten.mappings.allocate_with(lambda *_: self._pointer())
        emscripten.linking.report_with(
            {
                "malloc": lambda *_: self._pointer(),
                "free": lambda *_: 0,
                "__dl_seterr": lambda *_: 0,
            }
        )
        emscripten.linking.link_with(_Linker(), "/tmp")
        emscripten.signals.call_handlers_with(lambda *_: None)
        wasi = WasiABI(self._kernel, memory, environment={"NAME": "value"}, program="python")
        self.functions: list[HostFunction] = [
            *emscripten.host_functions().values(),
            *wasi.host_functions().values(),
        ]

    def _new_kernel(self, quota: Quota) -> Kernel:
        budget, wakeup = OutputBudget(100_000), Wakeup()
        wakeup.deadline = 0.0
        kernel = Kernel(
            mounts={
                b"/": MemoryFilesystem(quota),
                b"/dev": DeviceFilesystem(),
                b"/host": HostFilesystem(os.dup(self._folder_fd)),
                b"/out": OverlayFilesystem(HostFilesystem(os.dup(self._folder_fd)), quota),
            },
            quota=quota,
            open_files=_OPEN_FILES,
            stdin=BytesInput(b"input" * 100),
            stdout=OutputStream("stdout", budget, lambda *_: None),
            stderr=OutputStream("stderr", budget, lambda *_: None),
            wakeup=wakeup,
            clock=Clock(),
            cwd=b"/",
        )
        kernel.mkdir(AT_FDCWD, b"/tmp", 0o777)
        kernel.write(kernel.open(AT_FDCWD, b"/tmp/a", O_CREAT | O_RDWR, 0o666), b"contents" * 99)
        kernel.symlink(b"a", AT_FDCWD, b"/tmp/link")
        return kernel

    def _map_memory(self) -> memoryview:
        return memoryview(self._whole)[len(_GUARD) : len(_GUARD) + self._pages * PAGE_BYTES]

    def _grow(self, pages: int) -> bool:
        if not 0 <= pages <= _MOST_PAGES - self._pages:
            return False
        self._pages += pages
        return True

    def _fill(self) -> None:
        memory = self._map_memory()
        for number, text in enumerate(_TEXTS):
            start = number * _TEXT_SPACE
            memory[start : start + len(text) + 1] = text + b"\0"
        self.fill_structures()

    def fill_structures(self) -> None:
        """Put other numbers where pointers to structures lead."""
        words = [self._pointer() for _ in range((_STRUCTURES_END - _STRUCTURES) // 4)]
        self._map_memory()[_STRUCTURES:_STRUCTURES_END] = pack(f"<{len(words)}I", *words)

    def _pointer(self) -> int:
        choices = self._choices
        sort = choices.randrange(10)
        if sort < 3:
            return choices.randrange(len(_TEXTS)) * _TEXT_SPACE
        if sort < 5:
            return choices.randrange(_STRUCTURES, _STRUCTURES_END)
        if sort < 7:
            return choices.randrange(0, 600)
        if sort < 8:
            return self._pages * PAGE_BYTES - choices.randrange(-8, 300)
        return choices.choice(_EDGES) if sort < 9 else choices.randrange(2**32)

    def _integer(self) -> int:
        choices = self._choices
        sort = choices.randrange(10)
        if sort < 7:
            return choices.randrange(-2, _OPEN_FILES + 2)
        return choices.choice(_INTEGERS) if sort < 9 else choices.randrange(-(2**31), 2**31)

    def _long(self) -> int:
        choices = self._choices
        sort = choices.randrange(10)
        if sort < 6:
            return choices.randrange(-2, 2000)
        return choices.choice(_LONGS) if sort < 8 else choices.randrange(-(2**63), 2**63)

    def call(self, function: HostFunction) -> Fault | None:
        """Call a function with arguments made up for its signature."""
        signature = function.declaration.signature
        arguments: list[int | float] = []
        for kind in signature.parameters:
            if kind == "p":
                arguments.append(self._pointer() & 0xFFFFFFFF)
            elif kind == "i":
                arguments.append(self._integer())
            elif kind == "l":
                arguments.append(self._long())
            else:
                arguments.append(self._choices.choice(_DOUBLES))
        try:
            result = function.call(*arguments)
        except (Failure, GuestStop):
            return None
        except Exception as error:
            return Fault(_shown(function, arguments), f"{type(error).__name__}: {error}")
        if not _is_of_kind(result, signature.result):
            return Fault(_shown(function, arguments), f"the result {result!r}")
        return None

    def broken_bounds(self) -> str | None:
        """What was reached that must not be, if anything was."""
        behind = len(_GUARD) + self._pages * PAGE_BYTES
        room = (_MOST_PAGES - self._pages) * PAGE_BYTES
        if self._whole[: len(_GUARD)] != _GUARD or self._whole[-len(_GUARD) :] != _GUARD:
            return "a guard beside the memory was written to"
        if any(self._whole[behind : behind + room]):
            return "memory was written that the guest has not"
        quota = self._quota
        if not (0 <= quota.bytes_used <= _DISK_BYTES and 0 <= quota.files_used <= _FILES):
            return f"{quota.bytes_used:,} bytes and {quota.files_used} files are used"
        return None

    def close(self) -> str | None:
        """What was done to the folder of the host, if anything was."""
        self._kernel.close_all()
        os.close(self._folder_fd)
        return None if _contents(self._folder) == self._before else "the host's folder changed"


class _Linker:
    """Has no library, or has it at a place of the guest's choosing."""

    def open_at(self, path: str, *, for_everyone: bool) -> Opened:
        if for_everyone:
            raise LinkError(f"no {path}")
        return Opened(0, 2**32 - 1, 0, 2**32 - 1)

    def symbol(self, path: str | None, name: str) -> int:
        raise LinkError(f"no {name} in {path}")


def _shown(function: HostFunction, arguments: list[int | float]) -> str:
    return f"{function.declaration.name}({', '.join(map(str, arguments))})"


def _is_of_kind(result: object, kind: str) -> bool:
    if kind == "d":
        return isinstance(result, int | float)
    if kind:
        bits = 64 if kind == "l" else 32
        return isinstance(result, int) and -(2 ** (bits - 1)) <= result < 2**bits
    return True


def _contents(folder: Path) -> dict[str, tuple[int, str]]:
    return {
        str(path): (path.lstat().st_mode, path.read_text() if path.is_file() else "")
        for path in sorted(folder.rglob("*"))
    }


@contextmanager
def hosted_folder() -> Iterator[Path]:
    """A folder as a caller may mount it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "d").mkdir()
        (folder / "d" / "inner").write_text("inner")
        (folder / "file").write_text("contents")
        (folder / "link").symlink_to("../../../etc/passwd")
        yield folder


def fuzz_guest(choices: Random, calls: int, counted: Counter[str] | None = None) -> list[Fault]:
    """Make so many calls to one guest, counted by name, and return what must not be."""
    faults: list[Fault] = []
    with hosted_folder() as folder:
        guest = FuzzedGuest(choices, folder)
        recent: list[str] = []
        for number in range(1, calls + 1):
            function = choices.choice(guest.functions)
            name = f"{function.declaration.module}.{function.declaration.name}"
            recent.append(name)
            if (fault := guest.call(function)) is not None:
                faults.append(fault)
            if counted is not None:
                counted[name] += 1
            if number % _CALLS_BETWEEN_CHECKS == 0 or number == calls:
                if (broken := guest.broken_bounds()) is not None:
                    return [*faults, Fault(f"one of {', '.join(recent)}", broken)]
                recent.clear()
                guest.fill_structures()
        if (changed := guest.close()) is not None:
            faults.append(Fault("some call", changed))
    return faults
