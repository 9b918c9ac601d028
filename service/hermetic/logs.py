"""The service's log: one JSON object a line, on stderr, written by a thread of its own.

Whoever logs never waits for whoever reads: lines that there is no room for are dropped,
counted, and told of in the log itself.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections import deque
from contextlib import suppress

_MOST_LINES = 10_000
_FLUSH_SECONDS = 1.0
_BATCH_SECONDS = 0.05
"""Lines that come together are written together: waking for each would disturb the others."""
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


def log_event(logger: logging.Logger, message: str, **about: object) -> None:
    """As `logger.info` with `about` as `extra`, for what happens with every call: without the
    search for the line of code that says so, which `JsonLines` does not tell.
    """
    if logger.isEnabledFor(logging.INFO):
        record = logging.LogRecord(logger.name, logging.INFO, "", 0, message, None, None)
        vars(record).update(about)
        logger.handle(record)


class JsonLines(logging.Formatter):
    """The message, and what was given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields: dict[str, object] = {
            "time": f"{clock}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "from": record.name,
            "message": record.getMessage(),
        }
        fields |= {name: value for name, value in vars(record).items() if name not in _PLAIN}
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


class LineWriter(logging.Handler):
    """Writes formatted records to a descriptor, at its own pace."""

    def __init__(self, descriptor: int, most_lines: int = _MOST_LINES) -> None:
        """At most `most_lines` wait to be written. The descriptor stays the caller's."""
        super().__init__()
        self._descriptor = descriptor
        self._most_lines = most_lines
        self._waiting: deque[logging.LogRecord] = deque()
        self._dropped = 0
        self._writing = False
        self._changed = threading.Condition()
        threading.Thread(target=self._write_all, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        with self._changed:
            if len(self._waiting) >= self._most_lines:
                self._dropped += 1
                return
            self._waiting.append(record)
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until all is written, but not for long: nobody may be reading."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._writing, _FLUSH_SECONDS)

    def _write_all(self) -> None:
        """Nobody has to wake this thread while lines come one after the other."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
            while self._write_next():
                pass

    def _write_next(self) -> bool:
        """What has come together, if anything has."""
        time.sleep(_BATCH_SECONDS)
        with self._changed:
            records = list(self._waiting)
            self._waiting.clear()
            dropped, self._dropped = self._dropped, 0
            self._writing = True
        if dropped:
            records.append(_telling_of(dropped))
        self._write(b"".join(map(self._line, records)))
        with self._changed:
            self._writing = False
            self._changed.notify_all()
        return bool(records)

    def _line(self, record: logging.LogRecord) -> bytes:
        try:
            return f"{self.format(record)}\n".encode("utf-8", "backslashreplace")
        except Exception:
            self.handleError(record)
            return b""

    def _write(self, lines: bytes) -> None:
        left = memoryview(lines)
        with suppress(OSError):  # whoever read it has gone
            while left:
                left = left[os.write(self._descriptor, left) :]


def _telling_of(dropped: int) -> logging.LogRecord:
    record = logging.makeLogRecord({"name": "hermetic.logs", "levelno": logging.WARNING})
    record.levelname = logging.getLevelName(logging.WARNING)
    record.msg = "lines of the log were dropped: they came faster than they were read"
    record.dropped = dropped
    return record


def log_to_stderr(level: int = logging.INFO) -> None:
    """From now on, everything that is logged in this process goes to stderr as JSON, and so
    does what ends a thread.
    """
    threading.excepthook = _log_end_of_thread
    # Nothing of this is told, and finding it out takes longer than the rest of a record.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = LineWriter(sys.stderr.fileno())
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("hermetic").setLevel(level)


def _log_end_of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is None or ended.exc_type is SystemExit:
        return
    about = {"ended": ended.thread.name if ended.thread else None}
    logging.getLogger("hermetic").error("a thread failed", exc_info=ended.exc_value, extra=about)
