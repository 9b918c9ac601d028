"""Sessions: what persists, what falls back, and who may have one open."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hermetic_runtime.errors import (
    NameTaken,
    SandboxClosed,
    SessionBaseMissing,
    SessionBusy,
    SessionDamaged,
    SessionNotFound,
)
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.reported import Outcome
from hermetic_runtime.sessions.session import Session
from hermetic_runtime.sessions.store import environments_in_use, list_sessions


def value(session: Session, code: str) -> object:
    result = session.run(code)
    assert result.outcome is Outcome.OK, result
    assert result.value is not None
    return result.value.json


def test_variables_persist_from_run_to_run(session: Session) -> None:
    session.run("x = 41")

    assert value(session, "x + 1") == 42


def test_variables_outlive_the_session_object(session: Session) -> None:
    session.run("x = [1, 2]")
    session.close()

    with Session.open("main") as again:
        assert value(again, "x") == [1, 2]


@pytest.mark.parametrize(
    ("prepare", "look", "expected"),
    [
        ("f = open('/tmp/a', 'w+'); f.write('abc'); f.flush()", "f.seek(1); f.read()", "bc"),
        (
            "import os; f = open('/tmp/a', 'w+'); f.write('abc'); f.flush(); os.unlink('/tmp/a')",
            "f.seek(0); [f.read(), os.path.exists('/tmp/a')]",
            ["abc", False],
        ),
        (
            "import os; f = open('/tmp/a', 'w+'); f.write('abc'); os.rename('/tmp/a', '/tmp/b')",
            "f.write('d'); f.flush(); open('/tmp/b').read()",
            "abcd",
        ),
        ("import os; os.mkdir('/tmp/d'); os.chdir('/tmp/d')", "os.getcwd()", "/tmp/d"),
        (
            "import asyncio; loop = asyncio.new_event_loop()",
            "loop.run_until_complete(asyncio.sleep(0.01, 5))",
            5,
        ),
        (
            "import time; t = time.monotonic()",
            "0 < time.monotonic() - t < 3600",
            True,
        ),
        ("f = open('kept.txt', 'a'); f.write('abc'); f.flush()", "f.tell()", 3),
    ],
)
def test_what_the_kernel_keeps_survives_hibernation(
    session: Session, prepare: str, look: str, expected: object
) -> None:
    assert session.run(prepare).ok
    session.hibernate()

    assert value(session, look) == expected


@pytest.mark.parametrize("interpreter", ["pyodide"])
@pytest.mark.parametrize(
    ("prepare", "look", "expected"),
    [
        ("import os; r, w = os.pipe(); os.write(w, b'abc')", "os.read(r, 9).decode()", "abc"),
        (
            "import os; a = os.open('/tmp/a', os.O_RDWR | os.O_CREAT); b = os.dup(a)",
            "os.write(a, b'abc'); os.lseek(b, 0, os.SEEK_CUR)",
            3,
        ),
        ("import os; os.umask(0o077)", "oct(os.umask(0))", "0o77"),
    ],
)
def test_what_wasi_has_no_calls_for_survives_hibernation(
    session: Session, prepare: str, look: str, expected: object
) -> None:
    assert session.run(prepare).ok
    session.hibernate()

    assert value(session, look) == expected


def test_memory_that_grew_survives_hibernation(session: Session) -> None:
    session.run("b = bytes(range(256)) * 250_000")
    session.hibernate()

    assert value(session, "[len(b), b[777], hash(b) == hash(bytes(range(256)) * 250_000)]") == [
        64_000_000,
        9,
        True,
    ]


def test_random_state_is_new_after_a_wake(session: Session) -> None:
    session.run("import random")
    session.fork("copy")
    with Session.open("copy") as copy:
        session.hibernate()

        assert value(session, "random.random()") != value(copy, "random.random()")


@pytest.mark.parametrize(
    ("code", "limits", "outcome"),
    [
        ("import os; x = 2; os._exit(3)", Limits(), Outcome.ERROR),
        ("x = 2\nwhile True: pass", Limits(wall_seconds=1), Outcome.TIMEOUT),
        ("x = 2; b = bytearray(10**9)", Limits(), Outcome.MEMORY),
    ],
)
def test_a_run_that_is_lost_leaves_the_state_before_it(
    session: Session, code: str, limits: Limits, outcome: Outcome
) -> None:
    session.run("x = 1; open('kept', 'w').write('1')")

    result = session.run(code, limits=limits)

    assert (result.outcome, result.session_restored) == (outcome, True)
    assert value(session, "[x, open('kept').read()]") == [1, "1"]


def test_an_exception_does_not_restore_the_session(session: Session) -> None:
    result = session.run("x = 2; 1 / 0")

    assert not result.session_restored
    assert value(session, "x") == 2


def test_a_fork_and_its_parent_differ_freely(session: Session) -> None:
    session.run("x = 1; open('a', 'w').write('1')")
    session.fork("child")
    with Session.open("child") as child:
        child.run("x = 2; open('a', 'w').write('2')")

        assert value(session, "[x, open('a').read()]") == [1, "1"]
        assert value(child, "[x, open('a').read()]") == [2, "2"]


def test_a_checkpoint_brings_variables_and_files_back(session: Session) -> None:
    session.run("x = 1; open('a', 'w').write('1')")
    session.checkpoint("before")
    session.run("x = 2; import os; os.remove('a')")

    session.restore("before")

    assert value(session, "[x, open('a').read()]") == [1, "1"]
    assert [it.name for it in session.checkpoints()] == ["before"]


def test_an_unknown_checkpoint_is_not_found(session: Session) -> None:
    with pytest.raises(SessionNotFound):
        session.restore("never")


def test_a_session_is_open_once(session: Session) -> None:
    with pytest.raises(SessionBusy):
        Session.open("main", wait_seconds=0.05)


def test_a_closed_session_refuses(session: Session) -> None:
    session.close()

    with pytest.raises(SandboxClosed):
        session.run("1")


def test_names_are_unique_for_an_owner(session: Session) -> None:
    with pytest.raises(NameTaken, match="already a session 'main'"):
        Session.create("main")
    Session.create("main", owner="other").close()

    assert len(list_sessions()) == 2
    assert [it.owner for it in list_sessions("other")] == ["other"]


def test_another_owner_s_session_is_not_found(session: Session) -> None:
    with pytest.raises(SessionNotFound):
        Session.open(session.id, owner="other")


def test_a_deleted_session_leaves_nothing(directory: Path) -> None:
    session = Session.create("gone")
    session.run("open('a', 'w').write('1')")

    session.delete()

    assert list_sessions() == []
    assert list((directory / "sessions").iterdir()) == []


def test_the_environments_of_sessions_are_known(session: Session) -> None:
    assert environments_in_use() == {session.record.environment}


def test_a_session_of_a_few_variables_is_small_on_disk(session: Session, directory: Path) -> None:
    session.run("x = 1")

    size = sum(path.stat().st_size for path in directory.rglob("*.state"))
    assert 0 < size < 5 * MIB


def state_file(session: Session, directory: Path) -> Path:
    return directory / "sessions" / session.id / session.record.state


@pytest.mark.parametrize("place", [0, 30, 2000, -40, -1])
def test_a_damaged_state_is_one_clear_error(session: Session, directory: Path, place: int) -> None:
    session.run("x = 1")
    session.hibernate()
    path = state_file(session, directory)
    damaged = bytearray(path.read_bytes())
    damaged[place] ^= 0xFF
    path.write_bytes(damaged)

    with pytest.raises(SessionDamaged):
        session.run("x")


def test_a_truncated_state_is_one_clear_error(session: Session, directory: Path) -> None:
    session.run("x = 1")
    session.hibernate()
    path = state_file(session, directory)
    path.write_bytes(path.read_bytes()[:5000])

    with pytest.raises(SessionDamaged) as raised:
        session.run("x")
    assert "restart the session" in (raised.value.hint or "")


def test_the_error_of_a_guest_process_is_read_as_its_message_alone(
    session: Session, directory: Path
) -> None:
    session.run("x = 1")
    session.hibernate()
    path = state_file(session, directory)
    path.write_bytes(b"not what was written")

    with pytest.raises(SessionDamaged) as raised:
        session.run("x")
    assert str(raised.value) == "the state of the session is not a state file"


def test_a_state_whose_base_is_gone_says_so_and_can_restart(session: Session) -> None:
    session.run("x = 1; open('a', 'w').write('1')")
    session.hibernate()
    gone = session.record.environment._replace(snapshots=Path("/nonexistent"))
    disk = session._disk  # pyright: ignore[reportPrivateUsage]
    disk.record = replace(session.record, environment=gone)

    with pytest.raises(SessionBaseMissing):
        session.run("x")


def test_restarting_keeps_files_and_drops_variables(session: Session) -> None:
    session.run("x = 1; open('a', 'w').write('1')")

    session.restart()

    assert value(session, "['x' in globals(), open('a').read()]") == [False, "1"]


def test_an_idle_session_hibernates(session: Session) -> None:
    session.idle_seconds = 0.05
    session.run("x = 1")
    timer = session._guest._idle  # pyright: ignore[reportPrivateUsage]
    assert timer is not None
    timer.join()

    assert not session.is_live
    assert value(session, "x") == 1


def test_a_session_that_is_in_use_when_it_should_hibernate_does_so_afterwards(
    session: Session,
) -> None:
    session.idle_seconds = 0.01
    with session._lock:  # pyright: ignore[reportPrivateUsage]
        session.run("x = 1")
        timer = session._guest._idle  # pyright: ignore[reportPrivateUsage]
        assert timer is not None
        timer.join(0.2)
        assert session.is_live
    timer.join()

    assert not session.is_live
