"""wasmtime's shared library, and the functions of its C API that are called.

The library comes in the `wasmtime` package, which is not imported: it declares the whole API,
760 functions and 130 structures, in 17 to 27 ms and 3 MB of a process that many are forked
from. `tests/runtime/test_bindings.py` compares each declaration here with the package's own.
"""

from __future__ import annotations

import ctypes
import os
import sys
from importlib.machinery import PathFinder
from typing import Any

from hermetic_runtime.compilation import WASMTIME_VERSION

pointer = ctypes.c_void_p
size = ctypes.c_size_t
text = ctypes.c_char_p

_FILE_NAMES = {"darwin": "_libwasmtime.dylib", "win32": "_wasmtime.dll"}
_MACHINES = {"AMD64": "x86_64", "arm64": "aarch64", "ARM64": "aarch64"}


def _open() -> ctypes.CDLL:
    spec = PathFinder.find_spec("wasmtime")
    if spec is None or spec.origin is None:
        raise ImportError(f"wasmtime {WASMTIME_VERSION} is not installed")
    package = os.path.dirname(spec.origin)
    _check_version(os.path.dirname(package))
    machine = os.uname().machine if hasattr(os, "uname") else os.environ["PROCESSOR_ARCHITECTURE"]
    folder = f"{sys.platform}-{_MACHINES.get(machine, machine)}"
    name = _FILE_NAMES.get(sys.platform, "_libwasmtime.so")
    return ctypes.CDLL(os.path.join(package, folder, name))


def _check_version(site_packages: str) -> None:
    if os.path.isdir(os.path.join(site_packages, f"wasmtime-{WASMTIME_VERSION}.dist-info")):
        return
    from importlib.metadata import version  # 50 ms, so only when the quick look fails

    if version("wasmtime") != WASMTIME_VERSION:
        raise ImportError(
            f"hermetic-runtime is built against wasmtime {WASMTIME_VERSION}; "
            f"{version('wasmtime')} is installed"
        )


_library = _open()


def prototype(name: str, result: Any, *arguments: Any) -> Any:
    """The function of that name. What is `pointer` takes an address, an array, or `byref` of
    something; None is the null pointer, as an argument and as a result.
    """
    function = _library[name]
    function.restype = result
    function.argtypes = arguments
    return function
