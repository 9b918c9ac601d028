"""`hermetic shell`: a prompt in a session."""

from __future__ import annotations

import argparse
import base64
import codeop
import json
import readline
from contextlib import suppress
from pathlib import Path
from typing import cast

from hermetic.cli.limits import read_narrower_limits
from hermetic.cli.messages import report_error, say
from hermetic.cli.sessions import make_session, pass_on, report_ending
from hermetic.cli.standard_descriptors import STDOUT
from hermetic.cli.standard_streams import write
from hermetic_runtime.errors import HermeticError, SessionNotFound
from hermetic_runtime.limits import Limits
from hermetic_runtime.reported import Display
from hermetic_runtime.request_checks import narrowed_limits
from hermetic_runtime.sessions.session import Session
from hermetic_runtime.sessions.state_directory import state_directory

_HISTORY_LINES = 10_000
_NAMES = """\
(lambda text: (lambda owner, _, start: sorted(
    (owner + "." if owner else "") + name
    for name in (dir(eval(owner)) if owner else {
        *globals(), *dir(__import__("builtins")), *__import__("keyword").kwlist})
    if name.startswith(start) and (start or name[0] != "_")
)[:200])(*text.rpartition(".")))"""
"""Of names and attributes that begin so, a list, without private ones unless asked for.
What it evaluates, it does in the guest.
"""
_INDENTATION = "    "


def run_shell(options: argparse.Namespace) -> int:
    """Until Ctrl-D. A session without a name is removed at the end."""
    session, limits = _open(options)
    history = state_directory() / "shell-history"
    with suppress(OSError):
        readline.read_history_file(history)
    readline.set_history_length(_HISTORY_LINES)
    readline.set_completer_delims(" \t\n`~!@#$%^&*()-=+[{]}\\|;:'\",<>/?")
    readline.set_completer(_Completer(session).complete)
    readline.parse_and_bind("tab: complete")
    try:
        _Shell(session, limits, Path(options.out), history).talk()
    finally:
        if options.session is None:
            session.delete()
        session.close()
    return 0


def _open(options: argparse.Namespace) -> tuple[Session, Limits]:
    """The session and the limits of what is typed."""
    if options.session is not None:
        with suppress(SessionNotFound):
            session = Session.open(options.session)
            given = read_narrower_limits(options, session.record.limits)
            return session, narrowed_limits(given, session.record.limits)
    session = make_session(options)
    return session, session.record.limits


class _Shell:
    def __init__(self, session: Session, limits: Limits, out: Path, history: Path) -> None:
        self._session = session
        self._limits = limits
        self._out = out
        self._history = history
        self._compile = codeop.CommandCompiler()

    def talk(self) -> None:
        while True:
            try:
                source = self._read()
            except KeyboardInterrupt:
                write(STDOUT, b"\n")
                continue
            except EOFError:
                write(STDOUT, b"\n")
                return
            if source.strip():
                self._run(source)

    def _read(self) -> str:
        """One statement, of as many lines as it takes. Compiled only to see its end."""
        known = readline.get_current_history_length()
        try:
            lines = [input(">>> ")]
            while self._is_unfinished("\n".join(lines)):
                lines.append(input("... "))
            return "\n".join(lines)
        finally:
            self._remember(readline.get_current_history_length() - known)

    def _remember(self, lines: int) -> None:
        """At once, so that neither a kill nor another shell loses what was typed."""
        if lines > 0:
            with suppress(OSError):
                self._history.touch(mode=0o600)
                readline.append_history_file(lines, self._history)

    def _is_unfinished(self, source: str) -> bool:
        try:
            return self._compile(source, "<shell>", "single") is None
        except (SyntaxError, OverflowError, ValueError, RecursionError, MemoryError):
            return False

    def _run(self, source: str) -> None:
        try:
            result = self._session.run(source, limits=self._limits, on_output=pass_on)
        except KeyboardInterrupt:
            say("interrupted; the variables are as they were before")
            return
        except HermeticError as error:
            report_error(error)
            return
        if result.value is not None and result.value.repr != "None":
            write(STDOUT, result.value.repr.encode("utf-8", "backslashreplace") + b"\n")
        for display in result.displays:
            try:
                self._write_display(display)
            except (OSError, ValueError) as error:
                say(f"a display could not be written to {self._out}: {error}")
        report_ending(result, self._limits)

    def _write_display(self, display: Display) -> None:
        for kind, suffix in (("image/png", "png"), ("image/svg+xml", "svg"), ("text/html", "html")):
            data = display.data.get(kind)
            if data is None:
                continue
            contents = base64.b64decode(data) if kind == "image/png" else data.encode()
            self._out.mkdir(parents=True, exist_ok=True)
            number = 1 + sum(1 for _ in self._out.iterdir())
            path = self._out / f"display-{number}.{suffix}"
            path.write_bytes(contents)
            say(f"written: {path}")
            return


class _Completer:
    """Asks the guest for names, when Tab is pressed."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._found: list[str] = []

    def complete(self, text: str, state: int) -> str | None:
        if state == 0:
            self._found = self._ask(text)
        return self._found[state] if state < len(self._found) else None

    def _ask(self, text: str) -> list[str]:
        if not text:
            before = readline.get_line_buffer()[: readline.get_begidx()]
            return [] if before.strip() else [_INDENTATION]
        owner = text.rpartition(".")[0]
        if owner and not all(part.isidentifier() for part in owner.split(".")):
            return []
        result = self._session.run(f"{_NAMES}({json.dumps(text)})")
        given: object = result.value.json if result.value is not None else None
        found = cast("list[object]", given) if isinstance(given, list) else []
        return [name for name in found if isinstance(name, str) and name.isprintable()]
