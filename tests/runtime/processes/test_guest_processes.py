"""The life and death of zygotes and guest processes. These tests read /proc."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from process_lists import (
    await_gone,
    children_of,
    guest_side_processes,
)

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.environments import Environment
from hermetic_runtime.errors import SandboxClosed, SandboxCrashed
from hermetic_runtime.input_source import open_input
from hermetic_runtime.limits import Limits
from hermetic_runtime.preparation import prepare
from hermetic_runtime.processes.guest_handle import GuestProcess
from hermetic_runtime.processes.spawning import SpawnLauncher
from hermetic_runtime.processes.zygote_client import ZygoteLauncher
from hermetic_runtime.reported import Outcome
from hermetic_runtime.requests import RunRequest
from hermetic_runtime.sandbox import Sandbox, run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def directory() -> Path:
    return prepare()


def zygote_of(guest: int) -> int:
    status = Path(f"/proc/{guest}/status").read_text()
    return int(status.partition("PPid:")[2].split()[0])


def zygote_of_a_guest() -> int:
    """The zygote of this process; it is started if there is none."""
    run("1")
    before = guest_side_processes()
    with Sandbox() as sandbox:
        sandbox.start()
        return zygote_of(only_new(before))


def only_new(before: set[int]) -> int:
    [pid] = guest_side_processes() - before
    return pid


def start_parent(code: str, ending: str = "import time; time.sleep(60)") -> subprocess.Popen[str]:
    """A Python that runs `code`, and says when it has come to its end."""
    source = "from hermetic_runtime.sandbox import Sandbox\n" + textwrap.dedent(code)
    source += f"\nprint('there', flush=True)\n{ending}"
    parent = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", source],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "there\n"
    return parent


def test_this_process_never_loads_wasmtime() -> None:
    code = """
        import sys
        Sandbox().run("1")
        assert not {"hermetic_runtime.bindings", "ctypes"} & set(sys.modules)
    """
    with start_parent(code) as parent:
        parent.kill()


def test_closing_leaves_no_process() -> None:
    run("1")
    before = guest_side_processes()

    with Sandbox() as sandbox:
        sandbox.start()
        guest = only_new(before)

    assert guest not in guest_side_processes()


def test_a_run_that_will_not_end_is_closed_all_the_same() -> None:
    run("1")
    before = guest_side_processes()

    run(
        "while True:\n  try:\n    while True: pass\n  except BaseException: pass",
        limits=Limits(wall_seconds=0.1),
    )

    assert guest_side_processes() == before


def test_a_sandbox_that_nobody_holds_is_closed() -> None:
    run("1")
    before = guest_side_processes()
    sandbox = Sandbox()
    sandbox.start()
    guest = only_new(before)

    del sandbox

    assert not await_gone({guest})


def test_fifty_sandboxes_leave_no_zombies() -> None:
    zygote = zygote_of_a_guest()

    for _ in range(50):
        run("print(1)")

    assert children_of(zygote) == set()


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("for _ in range(50): run('print(1)')", id="fifty"),
        pytest.param("run('1/0')", id="an exception"),
        pytest.param("run('import os; os._exit(1)')", id="an exit"),
        pytest.param(
            "run('while True: print(1)', limits=Limits(output_bytes=10_000))", id="a limit"
        ),
    ],
)
def test_sandboxes_leave_no_descriptors(code: str) -> None:
    """In a process of its own, where nobody else opens and closes any."""
    source = f"""
import os
from hermetic_runtime.limits import Limits
from hermetic_runtime.sandbox import run
run("1")
before = os.listdir("/proc/self/fd")
{code}
assert os.listdir("/proc/self/fd") == before
"""
    subprocess.run([sys.executable, "-W", "error", "-c", source], check=True)


def test_a_guest_process_has_no_descriptors_but_its_own(directory: Path) -> None:
    run("1")
    before = guest_side_processes()
    with Sandbox() as sandbox, open(os.devnull) as unrelated:
        os.set_inheritable(unrelated.fileno(), True)
        sandbox.start()
        folder = Path(f"/proc/{only_new(before)}/fd")
        targets = sorted(os.readlink(folder / name) for name in os.listdir(folder))

    ours = [name for name in targets if not name.startswith(str(directory))]
    assert [name.partition(":")[0] for name in ours] == [
        "/dev/null",
        "/dev/null",
        "/memfd",
        "pipe",
        "pipe",
        "socket",
    ]


def test_a_guest_process_has_an_empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "x")
    run("1")
    before = guest_side_processes()
    with Sandbox() as sandbox:
        sandbox.start()
        environment = Path(f"/proc/{only_new(before)}/environ").read_bytes()

    assert b"SECRET_TOKEN" not in environment


def test_a_killed_guest_process_is_a_crash() -> None:
    run("1")
    before = guest_side_processes()
    with Sandbox() as sandbox:
        sandbox.start()
        os.kill(only_new(before), signal.SIGKILL)

        assert sandbox.run("1").outcome is Outcome.CRASHED
        with pytest.raises(SandboxClosed, match="crashed"):
            sandbox.run("1")


def test_a_guest_process_that_is_killed_while_it_runs_keeps_its_output() -> None:
    run("1")
    before = guest_side_processes()

    def kill(_: str, __: bytes) -> None:
        os.kill(only_new(before), signal.SIGKILL)

    result = run("print('seen')\nwhile True: pass", on_output=kill)

    assert result.outcome is Outcome.CRASHED
    assert result.stdout.text == "seen\n"


def test_guest_processes_do_not_outlive_their_zygote() -> None:
    run("1")
    before = guest_side_processes()
    with Sandbox() as sandbox:
        sandbox.start()
        guest = only_new(before)

        os.kill(zygote_of(guest), signal.SIGKILL)

        assert await_gone({guest}) == set()
        assert sandbox.run("1").outcome is Outcome.CRASHED


def test_a_zygote_that_died_is_replaced() -> None:
    os.kill(zygote_of_a_guest(), signal.SIGKILL)

    assert run("print(1)").stdout.text == "1\n"


def test_a_parent_that_is_killed_leaves_nothing_behind() -> None:
    with start_parent("sandbox = Sandbox(); sandbox.start()") as parent:
        started = guest_side_processes(parent.pid)
        assert len(started) == 2

        parent.kill()

    assert await_gone(started) == set()


def test_a_killed_parent_whose_fork_lives_on_leaves_nothing_behind() -> None:
    code = """
        import os, time
        sandbox = Sandbox()
        sandbox.start()
        forked = os.fork()
        if forked == 0:
            time.sleep(60)
    """
    with start_parent(code) as parent:
        started = guest_side_processes(parent.pid)
        [fork] = children_of(parent.pid) - started
        try:
            parent.kill()

            assert await_gone(started) == set()
        finally:
            os.kill(fork, signal.SIGKILL)


def test_a_parent_that_ends_without_closing_leaves_nothing_behind() -> None:
    code = "sandbox = Sandbox(); sandbox.start()"
    with start_parent(code, ending="input()") as parent:
        started = guest_side_processes(parent.pid)
        assert len(started) == 2

        parent.communicate("\n")

    assert parent.returncode == 0
    assert await_gone(started) == set()


def test_a_fork_of_the_parent_has_sandboxes_of_its_own() -> None:
    """The parent has one thread, as a process that forks should."""
    code = """
        import os
        sandbox = Sandbox()
        sandbox.run("x = 1")
        forked = os.fork()
        if forked == 0:
            try:
                sandbox.run("x")
            except Exception as error:
                print(error, flush=True)
            sandbox.close()
            print(Sandbox().run("print(2)").stdout.text.strip(), flush=True)
            os._exit(0)
        os.waitpid(forked, 0)
        print(sandbox.run("print(x)").stdout.text.strip(), flush=True)
        sandbox.close()
    """
    source = "from hermetic_runtime.sandbox import Sandbox\n" + textwrap.dedent(code)
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", source], stdout=subprocess.PIPE, text=True, check=True
    )
    refusal, of_the_fork, of_the_parent = ended.stdout.splitlines()
    assert "forked" in refusal
    assert (of_the_fork, of_the_parent) == ("2", "1")


def test_sandboxes_in_many_threads_are_all_served() -> None:
    outputs: list[str] = []
    threads = [
        threading.Thread(target=lambda: outputs.append(run("print(1)").stdout.text))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outputs == ["1\n"] * 12


def test_a_zygote_that_can_not_load_is_reported_with_its_last_words(tmp_path: Path) -> None:
    guest = GuestProcess(ZygoteLauncher(Environment(tmp_path)), Limits(), {}, ())

    with pytest.raises(SandboxCrashed, match=r"(?s)zygote.*PreparationError"):
        guest.start()


def test_a_damaged_interpreter_is_made_again(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    relative = directory.relative_to(os.environ["HERMETIC_CACHE_DIR"])
    shutil.copytree(directory, cache / relative)
    cache.chmod(0o700)
    monkeypatch.setenv("HERMETIC_CACHE_DIR", str(cache))
    core = cache / relative / "core.cwasm"
    content = core.read_bytes()
    damaged = tmp_path / "core.cwasm"
    damaged.write_bytes(content[:100_000] + bytes(len(content) - 100_000))
    core.chmod(0o600)
    damaged.replace(core)

    assert run("print(1)").stdout.text == "1\n"


def test_a_terminal_interrupt_reaches_the_caller_and_not_the_zygote() -> None:
    code = """
        from hermetic_runtime.sandbox import Sandbox
        sandbox = Sandbox()
        code = "print('on')\\nwhile True: pass"
        try:
            sandbox.run(code, on_output=lambda *_: print("on", flush=True))
        except KeyboardInterrupt:
            print(sandbox.closed, Sandbox().run("print(1)").outcome.value, flush=True)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "on\n"
        os.killpg(parent.pid, signal.SIGINT)
        rest = parent.stdout.read()

    assert rest.splitlines()[-1] == "True ok"


def test_a_spawned_guest_process_runs_as_a_forked_one_does(directory: Path) -> None:
    before = guest_side_processes()
    guest = GuestProcess(SpawnLauncher(Environment(directory)), Limits(), {}, ())
    output = CapturedOutput(1000, None)
    guest.start()

    driven = guest.run(RunRequest(b"print(input())"), output, open_input("abc"))
    guest.close()

    assert driven.report.outcome is Outcome.OK
    assert output.text("stdout", truncated=False).text == "abc\n"
    assert guest_side_processes() == before


def test_a_spawned_guest_process_ends_with_its_parent(directory: Path) -> None:
    code = f"""
        from pathlib import Path
        from hermetic_runtime.environments import Environment
        from hermetic_runtime.limits import Limits
        from hermetic_runtime.processes.guest_handle import GuestProcess
        from hermetic_runtime.processes.spawning import SpawnLauncher
        launcher = SpawnLauncher(Environment(Path({str(directory)!r})))
        guest = GuestProcess(launcher, Limits(), {{}}, ())
        guest.start()
    """
    with start_parent(code) as parent:
        started = guest_side_processes(parent.pid)
        assert len(started) == 1

        parent.kill()

    assert await_gone(started) == set()
