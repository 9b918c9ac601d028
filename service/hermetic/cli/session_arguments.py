"""The grammar of `hermetic session` and `hermetic shell`."""

from __future__ import annotations

import argparse
from typing import Any

from hermetic.cli.limit_arguments import add_limits, add_narrower_limits

_SESSION_DESCRIPTION = """\
A session is a sandbox with a name: variables, imports and functions persist from run to
run, and so do the files in /workspace. Between runs it is a file and takes no memory."""

_SESSION_EXAMPLES = """\
examples:
  hermetic session new analysis --with pandas
  hermetic session put analysis sales.csv
  hermetic session run analysis -c 'import pandas; d = pandas.read_csv("sales.csv")'
  hermetic session run analysis -c 'print(d.sum())'
      `d` is still there, also after a restart of this machine
  hermetic session checkpoint analysis clean
  hermetic session fork analysis what-if
      a copy in milliseconds; the two then differ freely
  hermetic session restore analysis clean
  hermetic session get analysis report.html
  hermetic shell analysis
      the same session at a prompt
  hermetic session run --timeout 5 analysis long.py
      options go before the session's name
  hermetic session list

HERMETIC_STATE_DIR says where sessions are kept."""

_SHELL_DESCRIPTION = """\
A Python prompt in a session, with history, blocks of several lines, and Tab for names that
the session knows. Ctrl-C ends what is running and leaves the variables as they were before
it; Ctrl-D leaves the prompt. Figures are written to the folder --out."""

_SHELL_EXAMPLES = """\
examples:
  hermetic shell                 a session of its own, removed at the end
  hermetic shell analysis        a session that stays; made if there is none"""


def add_sessions(commands: Any) -> None:
    """To the commands of `hermetic`."""
    parser = commands.add_parser(
        "session",
        help="sandboxes that keep their state",
        description=_SESSION_DESCRIPTION,
        epilog=_SESSION_EXAMPLES,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    new = actions.add_parser("new", help="make a session")
    new.add_argument("session", nargs="?", metavar="NAME", help="its id if none is given")
    _add_making(new, "how each of its runs is limited")
    run = _action(actions, "run", "run Python in a session")
    run.usage = "hermetic session run [OPTIONS] SESSION (FILE | -c CODE | -) [ARGS ...]"
    run.add_argument("--json", action="store_true", help="print the whole result as JSON")
    run.add_argument(
        "program",
        nargs=argparse.REMAINDER,
        metavar="FILE [ARGS ...]",
        help="a file, -c and code, or - for standard input; then what it gets in sys.argv",
    )
    add_narrower_limits(run)
    actions.add_parser("list", help="list sessions, the one used last first")
    _action(actions, "show", "what a session is, its files and its checkpoints")
    fork = _action(actions, "fork", "copy a session")
    fork.add_argument("name", nargs="?", metavar="NEW", help="the name of the copy")
    _action(actions, "hibernate", "check that a session is on disk; it always is between runs")
    for action, what in (
        ("checkpoint", "keep what a session is now under a name"),
        ("restore", "go back to a checkpoint, files included"),
    ):
        _action(actions, action, what).add_argument("name", metavar="CHECKPOINT")
    _action(actions, "restart", "forget the variables and keep the files")
    _action(actions, "rm", "remove a session with its files")
    put = _action(actions, "put", "copy a file of this machine into /workspace")
    put.add_argument("file", metavar="FILE")
    put.add_argument("path", nargs="?", metavar="PATH", help="its name there (default: its own)")
    get = _action(actions, "get", "copy a file out of /workspace")
    get.add_argument("path", metavar="PATH")
    get.add_argument("file", nargs="?", metavar="FILE", help="where to; - or none for stdout")
    shell = commands.add_parser(
        "shell", help="a Python prompt", description=_SHELL_DESCRIPTION, epilog=_SHELL_EXAMPLES
    )
    shell.add_argument("session", nargs="?", metavar="NAME")
    shell.add_argument("--out", default="figures", metavar="DIR", help="(default figures)")
    _add_making(shell, "how the session's runs are limited; what is typed here, if there is one")


def _action(actions: Any, name: str, what: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=what)
    parser.add_argument("session", metavar="SESSION", help="its name or id")
    return parser


def _add_making(parser: argparse.ArgumentParser, limits: str) -> None:
    parser.add_argument(
        "--with",
        dest="requirements",
        action="append",
        default=[],
        metavar="PACKAGE",
        help="a requirement such as 'pydantic>=2'; may be given several times",
    )
    parser.add_argument("--interpreter", choices=("auto", "pyodide", "wasi"), default="auto")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    add_limits(parser, limits)
