"""What native code depends on, known without loading wasmtime."""

from __future__ import annotations

import os
import sys
from enum import StrEnum

WASMTIME_VERSION = "50.0.1"
MIB = 1024 * 1024
WASM_STACK_BYTES = 56 * MIB
"""Native stack that guest code may use; past it the guest traps."""
THREAD_STACK_BYTES = 80 * MIB
"""Stack of the thread that a guest runs in: the guest's, and room for host functions.
A `max_wasm_stack` above the real stack would crash the process."""


class Metering(StrEnum):
    """How a guest that runs too long is noticed; each is native code of its own."""

    NONE = "none"
    """No checks in the code: for guest processes, which are killed from outside."""
    EPOCH = "epoch"
    """A check in every loop and call: for guests in this process."""
    FUEL = "fuel"
    """As `EPOCH`, and every instruction is counted."""


class Compiler(StrEnum):
    """Which of wasmtime's compilers makes native code."""

    CRANELIFT = "cranelift"
    """Optimises."""
    WINCH = "winch"
    """Takes a third of the time, and its code runs about half as fast."""


def compilation_key(metering: Metering, compiler: Compiler = Compiler.CRANELIFT) -> str:
    """Names the native code that suits this wasmtime, this processor and `metering`."""
    from hashlib import sha256  # 2 ms that a guest process need not spend

    facts = (
        WASMTIME_VERSION,
        sys.platform,
        _machine(),
        _processor_features(),
        metering.value,
        str(WASM_STACK_BYTES),
        *([compiler.value] if compiler is not Compiler.CRANELIFT else []),
    )
    digest = sha256("\0".join(facts).encode()).hexdigest()
    quick = "-winch" if compiler is Compiler.WINCH else ""
    return f"wasmtime-{WASMTIME_VERSION}-{metering}{quick}-{digest[:12]}"


def _machine() -> str:
    return os.uname().machine if hasattr(os, "uname") else os.environ["PROCESSOR_ARCHITECTURE"]


def _processor_features() -> str:
    """The feature flags that Linux lists; elsewhere wasmtime's own check must do."""
    try:
        with open("/proc/cpuinfo", "rb") as file:
            lines = file.read(8192).split(b"\n")
    except OSError:
        return ""
    features = [line for line in lines if line.startswith((b"flags", b"Features"))]
    return features[0].decode("ascii", "replace") if features else ""
