"""What a run's thread tells whoever follows the run."""

from __future__ import annotations

import codecs
from collections.abc import Callable

from hermetic.orders import Displayed, Ended, OutputWritten, RunEvent
from hermetic_runtime.results import RunResult


def tell_end(tell: Callable[[RunEvent], None], texts: OutputTexts, result: RunResult) -> None:
    """What is left of the output, the displays, and the result."""
    texts.end()
    for display in result.displays:
        tell(Displayed(display))
    tell(Ended(result))


class OutputTexts:
    """Decodes each stream as it comes, characters that are cut in two included."""

    def __init__(self, tell: Callable[[RunEvent], None]) -> None:
        self._tell = tell
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = {stream: decoder("replace") for stream in ("stdout", "stderr")}

    def add(self, stream: str, data: bytes) -> None:
        """A piece of a stream, as it came."""
        self._pass(stream, self._decoders[stream].decode(data))

    def end(self) -> None:
        """Nothing more comes: what was cut in two is replaced."""
        for stream, decoder in self._decoders.items():
            self._pass(stream, decoder.decode(b"", final=True))

    def _pass(self, stream: str, text: str) -> None:
        if text:
            self._tell(OutputWritten(stream, text))
