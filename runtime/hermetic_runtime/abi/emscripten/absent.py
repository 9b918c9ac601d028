"""What this sandbox has not: sockets and name resolution.

Each answers as a system does where the thing exists but is not permitted, so that
the guest sees an ordinary Python exception.
"""

from __future__ import annotations

from hermetic_runtime.abi.binding import provides, syscall
from hermetic_runtime.kernel.errno import Errno, Failure

_EAI_FAIL = -4
"""musl netdb.h."""


class AbsentCalls:
    """Refusals."""

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

    @provides("can_run_sync_js", "", "i")
    def can_run_javascript(self) -> int:
        return 0
