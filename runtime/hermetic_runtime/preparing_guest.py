"""A guest that makes something for later ones: it runs code of ours, which writes records."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from hermetic_runtime.environments import LoadedEnvironment
from hermetic_runtime.errors import PreparationError
from hermetic_runtime.guest import Guest
from hermetic_runtime.guest_threads import run_in_guest_thread
from hermetic_runtime.limits import GIB, MIB, Limits
from hermetic_runtime.reported import Outcome
from hermetic_runtime.requests import GuestSettings, RunRequest

_RECORD = struct.Struct("<II")
LIBRARY_LIMITS = Limits(output_bytes=GIB, wall_seconds=300, cpu_seconds=300, memory_bytes=512 * MIB)
"""For what an interpreter's library needs."""


def make_records(
    environment: LoadedEnvironment,
    code: bytes,
    limits: Limits,
    take: Callable[[str, bytes], None],
) -> None:
    """Execute `code`, and give `take` the name and the contents of each record as it comes.

    Raises `PreparationError` when the guest can't do it, and what `take` raises.
    """
    reader = RecordReader()

    def deliver(stream: str, data: bytes) -> None:
        if stream == "stdout":
            for name, contents in reader.feed(data):
                take(name, contents)

    guest = Guest(
        environment, GuestSettings(limits=limits), deliver=deliver, request_input=lambda: None
    )

    def execute() -> None:
        guest.boot()
        report = guest.run(RunRequest(code, limits=limits, capture_value=False))
        if report.outcome is not Outcome.OK:
            reason = report.error.message if report.error else report.outcome
            raise PreparationError(f"a guest could not make what later ones need: {reason}")

    try:
        run_in_guest_thread(execute)
    finally:
        guest.close()


class RecordReader:
    """Takes apart the stream that `hermetic_guest.precompile` writes:
    two u32 lengths, a name under /lib, and the contents of a .pyc file.
    """

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        self._pending += data
        while len(self._pending) >= _RECORD.size:
            name_size, code_size = _RECORD.unpack_from(self._pending)
            end = _RECORD.size + name_size + code_size
            if len(self._pending) < end:
                return
            name = self._pending[_RECORD.size : _RECORD.size + name_size].decode()
            code = bytes(self._pending[_RECORD.size + name_size : end])
            del self._pending[:end]
            yield name, code
