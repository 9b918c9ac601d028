"""Changes of writable mounts as they come, in pieces, from an untrusted process."""

from __future__ import annotations

from hermetic_runtime.kernel.overlay import Change as FileChange
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.processes.fields import ProtocolError
from hermetic_runtime.processes.messages_from_guest import Change

_CHANGE_COST = 256
_NAMES_BYTES = 64 * MIB
"""Room for names, and for what is removed: neither is in the guest's own count."""


class TooMuchChanged(Exception):
    """More than the guest's own limit would have let it change."""


class CollectedChanges:
    """Puts pieces together, and bounds what this process holds of them."""

    def __init__(self, limits: Limits) -> None:
        self._left = limits.disk_bytes + _NAMES_BYTES
        self._partial: Change | None = None
        self._contents = bytearray()
        self.complete: list[tuple[int, FileChange]] = []

    @property
    def begun(self) -> bool:
        return bool(self.complete) or self._partial is not None

    def add(self, message: Change) -> None:
        """Raises `ProtocolError` for pieces that don't fit together, and `TooMuchChanged`."""
        change = message.change
        self._left -= _CHANGE_COST + len(change.path) + len(change.data)
        if self._left < 0:
            raise TooMuchChanged
        if self._partial is not None and not _continues(self._partial, message):
            raise ProtocolError("a change was not sent to its end")
        self._contents += change.data
        if message.more:
            self._partial = message
            return
        whole = change._replace(data=bytes(self._contents))
        self.complete.append((message.mount, whole))
        self._partial = None
        self._contents.clear()

    def end(self) -> None:
        """No more will come. Raises `ProtocolError` when a piece is missing."""
        if self._partial is not None:
            raise ProtocolError("a change was not sent to its end")


def _continues(earlier: Change, later: Change) -> bool:
    return (earlier.mount, earlier.change._replace(data=b"")) == (
        later.mount,
        later.change._replace(data=b""),
    )
