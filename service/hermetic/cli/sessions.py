"""`hermetic session`."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from hermetic.cli.arguments import UsageError
from hermetic.cli.limits import read_limits, read_narrower_limits
from hermetic.cli.messages import say
from hermetic.cli.outcomes import describe_ending
from hermetic.cli.programs import read_program
from hermetic.cli.progress import PreparationBar
from hermetic.cli.quantities import format_seconds, format_size
from hermetic.cli.running import read_environment
from hermetic.cli.standard_descriptors import STDERR, STDOUT
from hermetic.cli.standard_streams import write
from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.limits import Limits
from hermetic_runtime.reported import Outcome
from hermetic_runtime.results import RunResult
from hermetic_runtime.sessions.session import Session
from hermetic_runtime.sessions.store import list_sessions

_DESCRIPTORS = {"stdout": STDOUT, "stderr": STDERR}


def manage_session(options: argparse.Namespace) -> int:
    """Do one action; its exit status."""
    match options.action:
        case "new":
            with make_session(options) as session:
                _print(session.name)
            return 0
        case "list":
            for record in list_sessions(""):
                used = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.used))
                _print(f"{record.id}  {used}  {record.name}")
            return 0
        case _:
            with Session.open(options.session) as session:
                return _act(session, options)


def make_session(options: argparse.Namespace) -> Session:
    """As the options for a new one say."""
    with PreparationBar() as bar:
        return Session.create(
            options.session,
            env=read_environment(options.env),
            limits=read_limits(options),
            requirements=options.requirements,
            interpreter=options.interpreter,
            on_progress=bar.show,
        )


def _act(session: Session, options: argparse.Namespace) -> int:
    match options.action:
        case "run":
            return _run(session, options)
        case "show":
            _show(session)
        case "fork":
            _print(session.fork(options.name).name)
        case "hibernate":
            session.hibernate()
        case "checkpoint":
            session.checkpoint(options.name)
        case "restore":
            session.restore(options.name)
        case "restart":
            session.restart()
        case "rm":
            session.delete()
        case "put":
            session.files.put(options.path or Path(options.file).name, _read(options.file))
        case _:
            _get(session, options.path, options.file)
    return 0


def _run(session: Session, options: argparse.Namespace) -> int:
    limits = read_narrower_limits(options, session.record.limits)
    code, words = None, options.program
    if words[:1] == ["-c"] and len(words) > 1:
        code, words = words[1], words[2:]
    elif words and words[0].startswith("-") and words[0] not in ("-", "--"):
        raise UsageError(
            f"{words[0]} comes after the session's name",
            hint="Options go before it: hermetic session run --timeout 5 NAME FILE",
        )
    program = read_program(code, words, source_bytes=limits.source_bytes)
    result = session.run(
        program.source,
        filename=program.filename,
        args=program.arguments,
        stdin=program.stdin,
        limits=limits,
        capture_value=options.json,
        on_output=None if options.json else pass_on,
    )
    if options.json:
        write(STDOUT, json.dumps(result.to_dict(), indent=2).encode() + b"\n")
    report_ending(result, limits)
    return result.exit_code


def pass_on(stream: str, data: bytes) -> None:
    """Output of the guest, as it comes."""
    write(_DESCRIPTORS[stream], data)


def report_ending(result: RunResult, limits: Limits) -> None:
    """Say why a run ended and what became of the variables, where that is not plain."""
    ending = describe_ending(result, limits)
    if ending is not None:
        say(ending.message, hint=ending.hint if result.outcome is Outcome.ERROR else None)
    if result.session_restored:
        say("the session's variables are as they were before this run")


def _show(session: Session) -> None:
    record = session.record
    _print(f"name        {record.name}")
    _print(f"id          {record.id}")
    for label, moment in (("created", record.created), ("used", record.used)):
        _print(f"{label:<12}{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(moment))}")
    _print(f"runs        {record.generation:,}")
    limits = record.limits
    _print(
        f"limits      {format_seconds(limits.wall_seconds)} a run,"
        f" {format_seconds(limits.cpu_seconds)} of processor time,"
        f" {format_size(limits.memory_bytes)} of memory, {format_size(limits.disk_bytes)} of files,"
        f" {format_size(limits.output_bytes)} of output"
    )
    for checkpoint in session.checkpoints():
        _print(f"checkpoint  {checkpoint.name}")
    for file in session.files.list():
        _print(f"file        {file.path}  {format_size(file.size)}")


def _get(session: Session, path: str, file: str | None) -> None:
    data = session.files.get(path)
    if file in (None, "-"):
        write(STDOUT, data)
        return
    try:
        Path(file).write_bytes(data)
    except OSError as error:
        raise InvalidInput(f"{file!r} can't be written: {error.strerror}") from error


def _read(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InvalidInput(f"{file!r} can't be read: {reason}") from error


def _print(line: str) -> None:
    write(STDOUT, f"{line}\n".encode("utf-8", "backslashreplace"))
