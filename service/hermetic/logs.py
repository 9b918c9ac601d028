"""The service's log: one JSON object a line, on stderr."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


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


def log_to_stderr(level: int = logging.INFO) -> None:
    """From now on, everything that is logged in this process goes to stderr as JSON, and so
    does what ends a thread.
    """
    threading.excepthook = _log_end_of_thread
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("hermetic").setLevel(level)


def _log_end_of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is None or ended.exc_type is SystemExit:
        return
    about = {"ended": ended.thread.name if ended.thread else None}
    logging.getLogger("hermetic").error("a thread failed", exc_info=ended.exc_value, extra=about)
