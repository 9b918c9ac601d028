"""What a run wrote, kept for its result and passed on as it comes."""

from __future__ import annotations

from collections.abc import Callable

from hermetic_runtime.results import StreamText


class CapturedOutput:
    """Keeps at most `limit_bytes` of stdout and stderr together.

    The guest is bounded on its own side; this bounds one that broke out of it.
    """

    def __init__(self, limit_bytes: int, on_output: Callable[[str, bytes], None] | None) -> None:
        self._left = limit_bytes
        self._on_output = on_output
        self._streams = {"stdout": bytearray(), "stderr": bytearray()}
        self._truncated = {"stdout": False, "stderr": False}

    def add(self, stream: str, data: bytes) -> bool:
        """False when this is more than the limit; what still fits is kept."""
        kept = data[: self._left]
        self._left -= len(kept)
        self._keep(stream, kept)
        if len(kept) < len(data):
            self._truncated[stream] = True
        return len(kept) == len(data)

    def note(self, line: str) -> None:
        """A line of ours on stderr, which counts against no limit."""
        self._keep("stderr", line.encode("utf-8", "replace") + b"\n")

    def _keep(self, stream: str, data: bytes) -> None:
        self._streams[stream] += data
        if data and self._on_output is not None:
            self._on_output(stream, data)

    def text(self, stream: str, *, truncated: bool) -> StreamText:
        """All that was kept; `truncated` is what the guest's side says of it."""
        return StreamText(
            self._streams[stream].decode("utf-8", "replace"),
            truncated or self._truncated[stream],
        )
