"""A process that is killed at any moment leaves its sessions as they were before or after."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hermetic_runtime.errors import SessionBusy
from hermetic_runtime.sessions.session import Session
from hermetic_runtime.sessions.store import SessionStore, list_sessions

WORKER = """
import sys
from hermetic_runtime.sessions.session import Session

with Session.open("main", wait_seconds=30) as session:
    print("open", flush=True)
    for _ in range(1000):
        session.run("n += 1; open('n', 'w').write(str(n)); open(f'{n}.txt', 'w').write('x')")
        print("ran", flush=True)
        session.checkpoint("last")
        session.fork(None)
        session.hibernate()
        session.restore("last")
"""
KILLS = 100
EVERY = 5
"""One in so many workers is killed only after a run of it, however slow the machine is."""
LONGEST_SECONDS = 0.5


def opened_after_a_kill(name: str) -> Session:
    """The lease ends with the process that had it, a moment later at the most."""
    for _ in range(100):
        try:
            return Session.open(name, wait_seconds=1)
        except SessionBusy:
            time.sleep(0.05)
    raise AssertionError("the lease of a killed process was never let go of")


def check(session: Session, least: int) -> int:
    """Variables and files are of the same moment, and none was lost."""
    result = session.run("import os; [n, int(open('n').read()), sorted(os.listdir('.'))]")
    assert result.value is not None, result
    number, written, names = result.value.json
    assert number == written >= least
    assert names == sorted(["n", *(f"{each}.txt" for each in range(1, number + 1))])
    return number


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killing_at_random_points_leaves_a_good_state(directory: Path) -> None:
    with Session.create("main") as session:
        session.run("n = 0; open('n', 'w').write('0')")
    chance = random.Random(1)
    number = 0
    for kill in range(KILLS):
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER], stdout=subprocess.PIPE, env=dict(os.environ)
        )
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"open\n"
        ran = kill % EVERY == 0
        if ran:
            assert worker.stdout.readline() == b"ran\n"
        time.sleep(chance.uniform(0, LONGEST_SECONDS))
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        worker.stdout.close()
        with opened_after_a_kill("main") as session:
            number = check(session, number + ran)
        for forked in list_sessions():
            if forked.name != "main":
                with Session.open(forked.id) as child:
                    check(child, 1)
                    child.delete()
    SessionStore().sweep()
    assert number >= KILLS // EVERY
    assert [path.name for path in (directory / "sessions").iterdir()] == [session.id]
