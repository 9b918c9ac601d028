"""Takes a request from the host, executes it, and answers with what happened."""

import _signal
import builtins
import linecache
import marshal
import sys

from hermetic_guest import (
    adaptation,
    displays,
    event_loop,
    failures,
    import_rules,
    inputs,
    search_path,
    snapshots,
    source,
    streams,
    values,
    warming,
)

RESERVE_BYTES = 4 * 1024 * 1024

_main = sys.modules["__main__"].__dict__
_unnamed = 0
_reserve = []


def prepare(reserve):
    """Make the interpreter ready for its first run. The empty answer says that it is.

    `reserve` is memory to be let go of when a run has used up all the rest.
    """
    _reserve.append(reserve)
    _signal.signal(_signal.SIGINT, _signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)
    builtins.display = displays.display
    adaptation.adapt()
    event_loop.install()
    search_path.set_up()
    for name in ("__spec__", "__loader__"):
        _main[name] = None
    return b""


def answer(request):
    """Do what a request asks, given as marshalled bytes; answer in JSON, as bytes."""
    request = marshal.loads(request)
    return values.to_json(_ACTIONS[request["action"]](request)).encode("ascii")


def run(request):
    """Execute source. Whatever it raises is part of the answer."""
    displays.begin(request["display_bytes"])
    answer = _execute(request)
    answer["displays"] = displays.collected()
    answer["displays_omitted"] = displays.omitted()
    if request["final"]:
        _call_exit_functions(answer)
    _flush(answer)
    return answer


def rehearse(request):
    """Go the way of a run, and leave no trace: what is used for the first time is slow."""
    arguments, fresh = sys.argv, streams.fresh
    answer = run(request)
    sys.argv, streams.fresh = arguments, fresh
    linecache.cache.pop(request["filename"], None)
    return answer


def _execute(request):
    _renew_reserve()
    filename = _told_apart(request["filename"])
    sys.argv = request["arguments"]
    if not filename.startswith("<"):
        _main["__file__"] = filename
    answer = {"exit_code": 0, "value": None, "error": None}
    try:
        streams.renew()
        import_rules.obey(request["imports"])
        inputs.set_up(_main, request["inputs"], request["files"])
        code = source.compile_source(request["source"], filename)
        value = event_loop.execute(code, _main)
        if request["capture_value"]:
            answer["value"] = values.describe(value, request["value_bytes"])
            displays.show_value(value)
    except SystemExit as stop:
        answer["exit_code"] = failures.exit_code(stop)
    except BaseException as error:
        if isinstance(error, MemoryError):
            _reserve.clear()
        answer["exit_code"] = 130 if isinstance(error, KeyboardInterrupt) else 1
        answer["error"] = failures.describe(error, filename)
        if isinstance(error, (MemoryError, KeyboardInterrupt)):
            return answer  # nothing is left to draw with
    try:
        displays.show_open_figures()
    except BaseException as error:
        _fail(answer, error, 1)
    return answer


def _told_apart(filename):
    """Code without a name of its own gets a number, so that tracebacks show the right lines."""
    global _unnamed
    if filename != "<code>":
        return filename
    _unnamed += 1
    return filename if _unnamed == 1 else f"<code {_unnamed}>"


def _renew_reserve():
    """Keep memory back again, where at least as much is left to run with."""
    if not _reserve:
        try:
            _reserve.append(bytearray(2 * RESERVE_BYTES)[:RESERVE_BYTES])
        except MemoryError:
            return


def _call_exit_functions(answer):
    atexit = sys.modules.get("atexit")
    if atexit is None:
        return
    try:
        atexit._run_exitfuncs()
    except BaseException as error:
        _fail(answer, error, 1)


def _flush(answer):
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except (AttributeError, ValueError):
            continue
        except BaseException as error:
            _fail(answer, error, 120)


def _fail(answer, error, exit_code):
    """Have an error after the code's own end count, unless the code failed already."""
    answer["exit_code"] = answer["exit_code"] or exit_code
    answer["error"] = answer["error"] or failures.describe(error, "")


_ACTIONS = {
    "run": run,
    "rehearse": rehearse,
    "preload": snapshots.preload,
    "resume": snapshots.resume,
    "use_package": warming.use_package,
}
