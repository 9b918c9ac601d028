"""How a preview1 function answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from hermetic_runtime.abi.binding import provides
from hermetic_runtime.kernel.errno import Errno, Failure

MODULE = "wasi_snapshot_preview1"
_NOTSUP = 58
"""WASI's own number (preview1 witx, `errno`); the kernel's is Emscripten's."""


def preview1(
    name: str, parameters: str
) -> Callable[[Callable[..., int | None]], Callable[..., int]]:
    """A function of WASI preview1 alone: 0, or +errno."""

    def declare(method: Callable[..., int | None]) -> Callable[..., int]:
        @wraps(method)
        def call(self: object, *arguments: Any) -> int:
            try:
                return method(self, *arguments) or 0
            except Failure as failure:
                return _NOTSUP if failure.errno is Errno.ENOTSUP else int(failure.errno)

        return provides(name, parameters, "i", module=MODULE)(call)

    return declare
