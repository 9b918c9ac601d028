"""The same programs where something lasts: in sessions, and in folders of the host."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from attempts import CANARY, STATE, STATE_OF_BEFORE, Attempt, faults_of
from hostile_program import ERROR, OK, HostileProgram

from hermetic_runtime.errors import HermeticError
from hermetic_runtime.mounts import Mount
from hermetic_runtime.providing import InterpreterName
from hermetic_runtime.reported import Outcome
from hermetic_runtime.results import RunResult
from hermetic_runtime.sandbox import Isolation, run
from hermetic_runtime.sessions.session import Session

_GIVEN = "/given"
_LEFT_OVER_BYTES = 64 * 1024
"""What displays may take in a folder beside the files of a run."""


def attempt_in_session(
    program: HostileProgram, interpreter: InterpreterName, isolation: Isolation
) -> Attempt:
    """Run the program between others of one session, which goes on after it."""
    faults: list[str] = []
    result: RunResult | None = None
    with tempfile.TemporaryDirectory() as folder:
        try:
            with Session.create(
                limits=program.roomy_limits,
                interpreter=interpreter,
                isolation=isolation,
                directory=Path(folder),
            ) as session:
                session.run(STATE)
                result = session.run(program.source, limits=program.limits)
                faults += faults_of(program, result, _outcomes_in_session(program, interpreter))
                faults += _faults_of_the_session(program, result, session)
        except HermeticError as error:
            faults.append(f"the host raised {type(error).__name__}: {error}")
    seconds = result.usage.wall_seconds if result else 0.0
    return Attempt(result.outcome if result else None, seconds, tuple(faults))


def _outcomes_in_session(
    program: HostileProgram, interpreter: InterpreterName
) -> frozenset[Outcome]:
    """Exit functions are not called, and a run that ended well may have done so for the last
    time, which is an error.
    """
    if program.final:
        return OK
    outcomes = program.outcomes_in(interpreter)
    return outcomes | ERROR if program.alters_itself and outcomes >= OK else outcomes


def _faults_of_the_session(
    program: HostileProgram, result: RunResult, session: Session
) -> list[str]:
    """It goes on awake, from its state, and without it."""
    faults: list[str] = []
    untouched = result.session_restored or not program.alters_itself
    for when in ("the next run", "the run after it woke"):
        left = session.run(STATE_OF_BEFORE)
        if untouched and (left.value is None or left.value.json != 42):
            faults.append(f"{when} had lost its variables: {left}")
        if left.error is not None and left.error.type in ("GuestMisbehaved", "MalformedAnswer"):
            faults.append(f"{when} had a guest that could not answer: {left.error}")
        session.hibernate()
    session.restart()
    canary = session.run(CANARY)
    if canary.value is None or canary.value.json != "45":
        faults.append(f"the session could not start anew: {canary}")
    return faults


def attempt_in_folders(
    program: HostileProgram, interpreter: InterpreterName, isolation: Isolation
) -> Attempt:
    """Run the program with a folder of the host in the place of /tmp, writable, and one that
    its files are given back to.
    """
    faults: list[str] = []
    result: RunResult | None = None
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        given, out, beside = root / "given", root / "out", root / "beside"
        given.mkdir()
        beside.write_text("untouched")
        (given / "way_out").symlink_to("../beside")
        try:
            result = run(
                program.source.replace("/tmp", _GIVEN),
                mounts=[Mount(given, _GIVEN, writable=True)],
                out=out,
                limits=program.limits,
                interpreter=interpreter,
                isolation=isolation,
            )
            faults += faults_of(program, result, program.outcomes_in(interpreter))
            seen = run(
                f"import os\nlen(os.listdir({_GIVEN!r}))",
                mounts=[Mount(given, _GIVEN)],
                interpreter=interpreter,
            )
            if seen.outcome is not Outcome.OK:
                faults.append(f"the folder can't be used any more: {seen}")
        except HermeticError as error:
            faults.append(f"the host raised {type(error).__name__}: {error}")
        if set(os.listdir(root)) - {"given", "out", "beside"} or beside.read_text() != "untouched":
            faults.append("something was changed outside the folders")
        most = program.disk_bytes + _LEFT_OVER_BYTES
        faults += [*_faults_of_folder(given, most), *_faults_of_folder(out, most)]
    seconds = result.usage.wall_seconds if result else 0.0
    return Attempt(result.outcome if result else None, seconds, tuple(faults))


def _faults_of_folder(folder: Path, most_bytes: int) -> list[str]:
    """What is wrong with what a guest left on the host."""
    faults: list[str] = []
    size = 0
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            if not path.is_symlink():
                size += path.lstat().st_size if path.is_file() else 0
            elif name != "way_out" and not _leads_into(path, folder):
                faults.append(f"a link leads out: {path} to {os.readlink(path)}")
    if size > most_bytes:
        faults.append(f"{size:,} bytes were left in a folder")
    return faults


def _leads_into(link: Path, folder: Path) -> bool:
    """A circle of links leads nowhere, and so not out."""
    try:
        return link.resolve().is_relative_to(folder)
    except (OSError, RuntimeError):
        return True
