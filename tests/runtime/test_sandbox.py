"""What holds of every sandbox, whether its guest has a process of its own or not."""

from __future__ import annotations

import gc
import hashlib
import io
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conditions import comes_true
from sandbox_options import STUBBORN, SandboxOptions

from hermetic_runtime.errors import InvalidInput, SandboxClosed
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.reported import Outcome
from hermetic_runtime.sandbox import Sandbox, run


@pytest.fixture
def sandbox(options: SandboxOptions) -> Iterator[Sandbox]:
    with Sandbox(**options) as sandbox:
        yield sandbox


def test_output_of_both_streams_is_captured(options: SandboxOptions) -> None:
    result = run("import sys; print('out'); print('err', file=sys.stderr)", **options)

    assert result.outcome is Outcome.OK
    assert (result.stdout.text, result.stderr.text) == ("out\n", "err\n")
    assert (result.error, result.exit_code) == (None, 0)


def test_the_last_expression_is_the_value(options: SandboxOptions) -> None:
    result = run("x = 20\n{'answer': [x + 1, 2**100, None, 'é']}", **options)

    assert result.value is not None
    assert result.value.json == {"answer": [21, 2**100, None, "é"]}


def test_a_value_that_is_not_json_has_its_repr(options: SandboxOptions) -> None:
    result = run("{1, 2}", **options)

    assert result.value is not None
    assert (result.value.repr, result.value.is_json) == ("{1, 2}", False)


def test_a_value_can_be_left_out(options: SandboxOptions) -> None:
    assert run("21", **options, capture_value=False).value is None


def test_an_exception_is_an_error_with_its_traceback(options: SandboxOptions) -> None:
    result = run("def f():\n    return 1 / 0\nf()", filename="sum.py", **options)

    assert result.outcome is Outcome.ERROR
    assert result.exit_code == 1
    assert result.error is not None
    assert result.error.type == "ZeroDivisionError"
    assert 'File "sum.py", line 2, in f' in result.error.traceback
    assert result.stderr.text == result.error.traceback


@pytest.mark.parametrize(
    ("code", "status", "outcome"),
    [
        ("raise SystemExit", 0, Outcome.OK),
        ("import sys; sys.exit(3)", 3, Outcome.ERROR),
        ("import sys; sys.exit('bad')", 1, Outcome.ERROR),
        ("import os; os._exit(4)", 4, Outcome.ERROR),
        ("import os; os._exit(0)", 0, Outcome.OK),
    ],
)
def test_the_exit_code_is_the_guests(
    code: str, status: int, outcome: Outcome, options: SandboxOptions
) -> None:
    result = run(code, **options)

    assert (result.exit_code, result.outcome) == (status, outcome)


def test_a_result_says_what_was_used_and_where_time_went(options: SandboxOptions) -> None:
    result = run("sum(range(100_000))", **options)

    assert result.usage.wall_seconds > 0
    assert result.usage.cpu_seconds > 0
    assert result.usage.peak_memory_bytes > MIB
    assert result.timings.start > 0
    assert result.timings.run >= result.usage.wall_seconds
    assert result.interpreter.startswith(f"{options['interpreter']}-")


def test_bytes_that_are_not_utf8_are_replaced_in_the_result(options: SandboxOptions) -> None:
    seen: list[bytes] = []

    result = run(
        "import sys; sys.stdout.buffer.write(b'a\\xffb')",
        **options,
        on_output=lambda _, data: seen.append(data),
    )

    assert result.stdout.text == "a\ufffdb"
    assert b"".join(seen) == b"a\xffb"


def test_output_is_passed_on_in_the_order_it_was_written(options: SandboxOptions) -> None:
    seen: list[tuple[str, bytes]] = []
    code = "import sys\nfor i in range(50): print(i); print(i, file=sys.stderr, flush=True)"

    run(code, **options, on_output=lambda *piece: seen.append(piece))

    assert seen == [(name, b"%d\n" % i) for i in range(50) for name in ("stdout", "stderr")]


def test_output_is_passed_on_while_the_run_goes_on(options: SandboxOptions) -> None:
    code = "import sys; print('ready'); print(sys.stdin.readline())"
    reader, writer = os.pipe()
    with open(reader, "rb") as source:

        def answer(_: str, data: bytes) -> None:
            if data == b"ready\n":
                os.write(writer, b"go\n")
                os.close(writer)

        result = run(code, stdin=source, **options, on_output=answer)

    assert result.stdout.text == "ready\ngo\n\n"


def test_arguments_and_environment_reach_the_guest(options: SandboxOptions) -> None:
    code = "import sys, os; print(sys.argv, os.environ['NAME'])"

    result = run(code, filename="a.py", args=["-v", "é"], env={"NAME": "v=1"}, **options)

    assert result.stdout.text == "['a.py', '-v', 'é'] v=1\n"


def test_nothing_of_the_callers_environment_reaches_the_guest(
    options: SandboxOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "x")

    assert "SECRET_TOKEN" not in run("import os; print(dict(os.environ))", **options).stdout.text


@pytest.mark.parametrize("kind", [str, str.encode, lambda text: io.BytesIO(text.encode())])
def test_stdin_is_read(kind: Callable[[str], Any], options: SandboxOptions) -> None:
    code = "import sys; print(input()[::-1], sys.stdin.read())"

    assert run(code, stdin=kind("abc\ndef"), **options).stdout.text == "cba def\n"


def test_without_stdin_there_is_an_end_at_once(options: SandboxOptions) -> None:
    error = run("input()", **options).error

    assert error is not None
    assert error.type == "EOFError"


def test_large_stdin_arrives_whole(options: SandboxOptions) -> None:
    data = bytes(range(256)) * 10_000

    result = run(
        "import sys, hashlib; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())",
        stdin=data,
        **options,
    )

    assert result.stdout.text.strip() == hashlib.sha256(data).hexdigest()


def test_stdin_is_not_read_unless_the_guest_reads(options: SandboxOptions) -> None:
    source = io.BytesIO(b"kept")

    run("print(1)", stdin=source, **options)

    assert source.read() == b"kept"


def test_each_run_has_its_own_stdin(sandbox: Sandbox) -> None:
    code = "import sys; print(repr(sys.stdin.readline()))"

    outputs = [sandbox.run(code, stdin=stdin).stdout.text for stdin in ("a\nrest", None, "b\n")]

    assert outputs == ["'a\\n'\n", "''\n", "'b\\n'\n"]


def test_state_stays_from_run_to_run(sandbox: Sandbox) -> None:
    sandbox.run("import math\nx = 5\nopen('note', 'w').write('kept')")

    assert sandbox.run("print(x, math.pi > 3, open('note').read())").stdout.text == "5 True kept\n"


def test_only_the_first_run_carries_the_time_of_the_start(sandbox: Sandbox) -> None:
    first, second = sandbox.run("1"), sandbox.run("1")

    assert first.timings.start > 0
    assert (second.timings.prepare, second.timings.start) == (0, 0)


def test_an_exception_or_exit_leaves_the_sandbox_open(sandbox: Sandbox) -> None:
    sandbox.run("x = 5\n1 / 0")
    sandbox.run("import sys; sys.exit(3)")

    assert not sandbox.closed
    assert sandbox.run("print(x)").stdout.text == "5\n"


def test_a_final_run_calls_exit_functions_and_closes(sandbox: Sandbox) -> None:
    sandbox.run("import atexit; atexit.register(print, 'bye')")

    assert sandbox.run("print('last')", final=True).stdout.text == "last\nbye\n"
    assert sandbox.closed


def test_a_guest_that_ended_itself_closes_the_sandbox(sandbox: Sandbox) -> None:
    assert sandbox.run("import os; os._exit(3)").exit_code == 3

    with pytest.raises(SandboxClosed, match="guest ended in a run with outcome error"):
        sandbox.run("1")


def test_a_run_that_leaves_nobody_to_answer_closes_the_sandbox(sandbox: Sandbox) -> None:
    result = sandbox.run("print('so far', flush=True)\n__builtins__.__dict__.clear()")

    assert (result.outcome, result.stdout.text) == (Outcome.ERROR, "so far\n")
    assert sandbox.closed


def test_streams_that_a_run_closed_are_open_in_the_next(sandbox: Sandbox) -> None:
    sandbox.run("import os, sys\nsys.stdout.close()\nos.closerange(0, 100)")

    result = sandbox.run("print(input())\nprint('err', file=sys.stderr)", stdin="line\n")

    assert (result.stdout.text, result.stderr.text) == ("line\n", "err\n")


def test_a_closed_sandbox_says_so(options: SandboxOptions) -> None:
    sandbox = Sandbox(**options)
    sandbox.close()
    sandbox.close()

    assert sandbox.closed
    with pytest.raises(SandboxClosed, match="it was closed"):
        sandbox.run("1")


def test_limits_of_a_run_may_be_narrower(sandbox: Sandbox) -> None:
    narrow = sandbox.run("print('x' * 1000)", limits=Limits(output_bytes=10))

    assert narrow.outcome is Outcome.OUTPUT


def test_limits_of_a_run_may_not_be_wider(options: SandboxOptions) -> None:
    with (
        Sandbox(limits=Limits(wall_seconds=5), **options) as sandbox,
        pytest.raises(InvalidInput, match="wall_seconds"),
    ):
        sandbox.run("1", limits=Limits(wall_seconds=6))


def test_cancelling_from_another_thread_ends_the_run(sandbox: Sandbox) -> None:
    sandbox.start()

    def cancel(_: str, __: bytes) -> None:
        threading.Thread(target=sandbox.cancel).start()

    result = sandbox.run(f"print('on')\n{STUBBORN}", on_output=cancel)

    assert result.outcome is Outcome.CANCELLED
    assert result.stdout.text == "on\n"
    assert sandbox.closed


def test_a_sandbox_that_was_cancelled_before_it_started_never_starts(
    options: SandboxOptions,
) -> None:
    with Sandbox(**options) as sandbox:
        sandbox.cancel()

        with pytest.raises(SandboxClosed, match="cancelled"):
            sandbox.start()


def test_closing_from_another_thread_ends_the_run(sandbox: Sandbox) -> None:
    def close(_: str, __: bytes) -> None:
        threading.Thread(target=sandbox.close).start()

    result = sandbox.run("print('on')\nwhile True: pass", on_output=close)

    assert result.outcome is Outcome.CANCELLED


def test_what_a_callback_raises_closes_the_sandbox(sandbox: Sandbox) -> None:
    def refuse(_: str, __: bytes) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        sandbox.run("print(1)\nwhile True: pass", on_output=refuse)
    assert sandbox.closed


def test_an_interrupt_of_the_caller_reaches_the_guest_and_comes_out(
    sandbox: Sandbox, patient: None
) -> None:
    seen: list[bytes] = []
    code = """
try:
    print('on')
    while True: pass
except KeyboardInterrupt:
    print('interrupted')
"""

    def interrupt(_: str, data: bytes) -> None:
        seen.append(data)
        if data == b"on\n":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sandbox.run(code, on_output=interrupt)
    assert seen == [b"on\n", b"interrupted\n"]
    assert sandbox.closed


def test_threads_take_turns(sandbox: Sandbox) -> None:
    sandbox.run("x = 0")
    threads = [threading.Thread(target=sandbox.run, args=("y = x; x = y + 1",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sandbox.run("print(x)").stdout.text == "8\n"


def test_a_sandbox_that_nobody_holds_leaves_no_thread(options: SandboxOptions) -> None:
    before = set(threading.enumerate())
    sandbox = Sandbox(**options)
    sandbox.run("1")

    del sandbox
    gc.collect()

    assert comes_true(lambda: set(threading.enumerate()) <= before)
