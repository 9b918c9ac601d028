"""What this sandbox has not: sockets, name resolution, and loading of native code.

Each answers as a system does where the thing exists but is not permitted, so that
the guest sees an ordinary Python exception.
"""

from __future__ import annotations

from collections.abc import Callable

from hermetic_runtime.abi.binding import provides, syscall
from hermetic_runtime.kernel.errno import Errno, Failure

_EAI_FAIL = -4
"""musl netdb.h."""


class AbsentCalls:
    """Refusals."""

    def __init__(self) -> None:
        self._set_dlopen_error: Callable[[], None] | None = None

    def set_dlopen_error_with(self, report: Callable[[], None]) -> None:
        """Give the function that leaves the reason where `dlerror` finds it."""
        self._set_dlopen_error = report

    @syscall("socket", "iiiiii")
    def socket(self, *_arguments: int) -> int:
        raise Failure(Errno.EACCES)

    @syscall("accept4", "ippiii")
    @syscall("bind", "ippiii")
    @syscall("connect", "ippiii")
    @syscall("getpeername", "ippiii")
    @syscall("getsockname", "ippiii")
    @syscall("getsockopt", "iiippi")
    @syscall("listen", "iiiiii")
    @syscall("recvfrom", "ippipp")
    @syscall("recvmsg", "ipiiii")
    @syscall("sendmsg", "ipiiii")
    @syscall("sendto", "ippipp")
    def not_a_socket(self, *_arguments: int) -> int:
        raise Failure(Errno.ENOTSOCK)

    @provides("_try_shutdown", "iip", "i")
    def shutdown(self, _fd: int, _how: int, _result: int) -> int:
        return 0

    @provides("getaddrinfo", "pppp", "i")
    def resolve(self, *_arguments: int) -> int:
        return _EAI_FAIL

    @provides("getnameinfo", "pppppii", "i")
    def resolve_back(self, *_arguments: int) -> int:
        return _EAI_FAIL

    @provides("getprotobyname", "p", "p")
    @provides("_emscripten_lookup_name", "p", "p")
    def look_up(self, _name: int) -> int:
        return 0

    @provides("_dlopen_js", "p", "i")
    @provides("_dlsym_js", "ppp", "i")
    def load_native_code(self, *_arguments: int) -> int:
        if self._set_dlopen_error is not None:
            self._set_dlopen_error()
        return 0

    @provides("can_run_sync_js", "", "i")
    def can_run_javascript(self) -> int:
        return 0
