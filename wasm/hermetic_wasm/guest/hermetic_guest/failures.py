"""How a run ended when it did not end well."""

import os
import sys

_OURS = os.path.dirname(__file__)


def exit_code(stop):
    """The status of a `SystemExit`, as the interpreter itself would give it."""
    code = stop.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    _print(str(code) + "\n")
    return 1


def describe(error, filename):
    """An exception as the host wants it; it is printed to stderr as Python would."""
    text = format_traceback(error, filename)
    if sys.excepthook is sys.__excepthook__:
        _print(text)
    else:
        _call_hook(error, text)
    return {
        "type": _name(type(error)),
        "message": _message(error),
        "traceback": text,
        "memory": isinstance(error, MemoryError),
        "errno": error.errno if isinstance(error, OSError) else None,
    }


def format_traceback(error, filename):
    try:
        from traceback import TracebackException

        shown = _without_our_frames(error.__traceback__, filename)
        told = TracebackException(type(error), error, shown, compact=True)
        _hide_our_frames(told)
        return "".join(told.format())
    except BaseException:
        return f"{_name(type(error))}: {_message(error)}\n"


def _without_our_frames(traceback, filename):
    """From the first frame of the code that was run; nothing if it never started."""
    while traceback is not None and traceback.tb_frame.f_code.co_filename != filename:
        traceback = traceback.tb_next
    return traceback


def _hide_our_frames(told):
    """Take the sandbox's own functions out of an exception and all that led to it."""
    if told is None:
        return
    told.stack[:] = [frame for frame in told.stack if not frame.filename.startswith(_OURS)]
    for other in (told.__cause__, told.__context__, *(told.exceptions or ())):
        _hide_our_frames(other)


def _call_hook(error, text):
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except BaseException:
        _print(text)


def _print(text):
    try:
        sys.stdout.flush()
        sys.stderr.write(text)
    except BaseException:
        return


def _name(kind):
    module = kind.__module__
    return (
        kind.__qualname__ if module in ("builtins", "__main__") else f"{module}.{kind.__qualname__}"
    )


def _message(error):
    try:
        return str(error)
    except BaseException:
        return "<exception str() failed>"
