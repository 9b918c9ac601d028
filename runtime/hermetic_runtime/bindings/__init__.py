"""wasmtime's C API, as far as we use it.

A call from guest to host costs about 1 us here, and exports are fetched one by one; the `wasmtime`
package makes a Python object of every value that crosses (about 9.5 us a call) and of every
export of an instance (8,560 of them in Pyodide).

Who frees what: an `Owned` object frees what it stands for, once. A `GuestStore` owns everything
that was made in it; externs and instances are plain handles, valid while it is open, and the
callbacks of host functions are kept alive by `HostFunctions`. Errors and traps that the library
returns are freed where they become exceptions.
"""

from hermetic_runtime.bindings.engines import Config, Engine
from hermetic_runtime.bindings.failures import Trap, TrapCode, WasmtimeError
from hermetic_runtime.bindings.globals import global_value, new_global, set_global
from hermetic_runtime.bindings.handles import Extern
from hermetic_runtime.bindings.host_functions import HostFunctions
from hermetic_runtime.bindings.instances import GuestFunction, ImportSlots, Instance, instantiate
from hermetic_runtime.bindings.memories import grow_memory, memory_bytes
from hermetic_runtime.bindings.modules import Module
from hermetic_runtime.bindings.stores import GuestStore
from hermetic_runtime.bindings.tables import (
    append_to_table,
    call_table_function,
    grow_table,
    set_table_slot,
    table_size,
)

__all__ = [
    "Config",
    "Engine",
    "Extern",
    "GuestFunction",
    "GuestStore",
    "HostFunctions",
    "ImportSlots",
    "Instance",
    "Module",
    "Trap",
    "TrapCode",
    "WasmtimeError",
    "append_to_table",
    "call_table_function",
    "global_value",
    "grow_memory",
    "grow_table",
    "instantiate",
    "memory_bytes",
    "new_global",
    "set_global",
    "set_table_slot",
    "table_size",
]
