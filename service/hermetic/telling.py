"""What a run's thread tells whoever follows the run."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import Literal

from hermetic.orders import Displayed, Ended, OutputWritten, ProgressMade, RunEvent
from hermetic_runtime.driver import OnOutput
from hermetic_runtime.preparation import Progress
from hermetic_runtime.results import RunResult

Tell = Callable[[RunEvent], None]
"""Called in the run's thread with each event as it happens."""
Followed = Literal["nothing", "progress", "everything"]
"""Which events of a run somebody follows: each of them wakes the event loop."""


class Telling:
    """Of one run. Output is decoded as it comes, characters that are cut in two included."""

    def __init__(self, tell: Tell, followed: Followed) -> None:
        self._tell = tell
        self._tells_progress = followed != "nothing"
        self._tells_all = followed == "everything"
        if self._tells_all:
            decoder = codecs.getincrementaldecoder("utf-8")
            self._decoders = {stream: decoder("replace") for stream in ("stdout", "stderr")}

    @property
    def on_output(self) -> OnOutput | None:
        """Takes pieces of a stream as they come; None if nobody follows them."""
        return self._add_output if self._tells_all else None

    def progress(self, progress: Progress) -> None:
        """The interpreter or its packages are being prepared."""
        if self._tells_progress:
            self._tell(ProgressMade(progress.step, progress.fraction))

    def end(self, result: RunResult) -> None:
        """What is left of the output, the displays, and the result."""
        if not self._tells_all:
            return
        for stream, decoder in self._decoders.items():
            self._pass_text(stream, decoder.decode(b"", final=True))
        for display in result.displays:
            self._tell(Displayed(display))
        self._tell(Ended(result))

    def _add_output(self, stream: str, data: bytes) -> None:
        self._pass_text(stream, self._decoders[stream].decode(data))

    def _pass_text(self, stream: str, text: str) -> None:
        if text:
            self._tell(OutputWritten(stream, text))
