"""Clocks, and waiting for them or for descriptors.

Layouts of `subscription` and `event` are those of WASI preview1 (witx).
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from hermetic_runtime.abi.surroundings import ClockCalls
from hermetic_runtime.abi.wasi.results import preview1
from hermetic_runtime.kernel.constants import POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT
from hermetic_runtime.kernel.errno import Errno, Failure

_SUBSCRIPTION = Struct("<QB7xIxxxxQQH6x")
_EVENT = Struct("<QHB5xQH6x")
_CLOCK, _READ, _WRITE = 0, 1, 2
_ABSOLUTE = 1
_HANGUP = 1
_MOST_SUBSCRIPTIONS = 65_536
_U64 = 2**64 - 1


class _Subscription(NamedTuple):
    userdata: int
    kind: int
    target: int
    """A clock or a descriptor."""
    timeout_ns: int
    flags: int


class WaitingCalls(ClockCalls):
    """`poll_oneoff`, which is also how this guest sleeps."""

    @preview1("poll_oneoff", "pppp")
    def wait(self, subscriptions: int, events: int, count: int, found: int) -> None:
        """With no subscriptions it waits until it is interrupted, as poll(2) does."""
        if not 0 <= count <= _MOST_SUBSCRIPTIONS:
            raise Failure(Errno.EINVAL)
        self._memory.check(events, count * _EVENT.size)
        raw = self._memory.read(subscriptions, count * _SUBSCRIPTION.size)
        wanted = [
            _Subscription(userdata, kind, target, timeout, flags)
            for userdata, kind, target, timeout, _, flags in _SUBSCRIPTION.iter_unpack(raw)
        ]
        happened = self._wait(wanted)
        self._memory.write(events, b"".join(happened))
        self._memory.write_u32(found, len(happened))

    def _wait(self, wanted: list[_Subscription]) -> list[bytes]:
        clocks = [self._clock_end(item) for item in wanted if item.kind == _CLOCK]
        watched = [item for item in wanted if item.kind in (_READ, _WRITE)]
        if len(clocks) + len(watched) != len(wanted):
            raise Failure(Errno.EINVAL)
        first = min((remaining for remaining, _ in clocks), default=None)
        requests = [(item.target, POLLIN if item.kind == _READ else POLLOUT) for item in watched]
        try:
            answers = self._kernel.poll(requests, None if first is None else first / 1e9)
        except Failure as failure:
            if failure.errno is not Errno.EINTR or watched or not clocks:
                raise
            # wasi-libc makes an error of every failure here; a sleep that ends early lets
            # the interpreter look at its signals, which is what interrupted it.
            return [_event(clocks[0][1])]
        ready = [
            self._answer(item, answer)
            for item, answer in zip(watched, answers, strict=False)
            if answer
        ]
        if not ready and first is not None:
            ready = [_event(item) for remaining, item in clocks if remaining <= first]
        return ready

    def _clock_end(self, item: _Subscription) -> tuple[int, _Subscription]:
        """Nanoseconds from now, and the subscription."""
        now = self._read_clock(item.target)
        remaining = item.timeout_ns - now if item.flags & _ABSOLUTE else item.timeout_ns
        return max(remaining, 0), item

    def _answer(self, item: _Subscription, answer: int) -> bytes:
        if answer & POLLNVAL:
            return _event(item, errno=Errno.EBADF)
        size = 0
        if item.kind == _READ and answer & POLLIN:
            size = 1
        flags = _HANGUP if answer & (POLLHUP | POLLERR) else 0
        return _event(item, size=size, flags=flags)


def _event(item: _Subscription, *, errno: int = 0, size: int = 0, flags: int = 0) -> bytes:
    return _EVENT.pack(item.userdata & _U64, errno, item.kind, size, flags)
