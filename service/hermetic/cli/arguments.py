"""The command line's grammar, and the help texts that teach it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Never

from hermetic.cli.limit_arguments import add_limits
from hermetic.cli.package_arguments import add_interpreter, add_packages
from hermetic.cli.standard_descriptors import STDOUT
from hermetic.cli.standard_streams import write
from hermetic_runtime.errors import InvalidInput

_DESCRIPTION = """\
Run untrusted Python in a sandbox: CPython in WebAssembly, on an operating system
that exists in memory only. A script sees no file, no network and no process of
this machine, except folders that you mount."""

_EXAMPLES = """\
examples:
  hermetic run script.py              run a file
  hermetic run -c 'print(6 * 7)'      run a line
  hermetic run --with pydantic app.py run a file with a package
  hermetic session --help             sandboxes that keep their variables and files
  hermetic shell                      a Python prompt
  hermetic doctor                     check that everything works
  hermetic cache info                 see what is kept on disk

`hermetic run --help` shows what a run may be given and how it is limited."""

_RUN_DESCRIPTION = """\
Run a Python file, a piece of code, or standard input, in a sandbox of its own."""

_RUN_EXAMPLES = """\
examples:
  hermetic run script.py input.txt --verbose
      what follows FILE is the script's: sys.argv[1:] == ["input.txt", "--verbose"]
  hermetic run -c 'import sys; print(sys.argv[1:])' -- a --b
      with -c, arguments that look like options go after --
  printf 'abc' | hermetic run -c 'print(input()[::-1])'
      standard input is the script's
  hermetic run - < script.py
      here it is the source
  hermetic run --timeout 5 --memory 128M script.py
      less time and memory than usual
  hermetic run --mount data:/data --mount out:/out:rw report.py
      folders of this machine: `data` to read; changes in /out come back to `out`
      when the run has ended
  hermetic run --out results plot.py
      figures, and what the script writes to its working folder, come to `results`
  hermetic run --json -c '1 + 1' | jq .value.json
      the result as data, with what the run used and how it ended

exit status:
  the script's own; or 124 when time ran out, 137 when memory did, 1 for any other
  limit, 2 when the command line is wrong, 125 when Hermetic itself failed,
  130 after Ctrl-C."""

_CACHE_DESCRIPTION = """\
The cache keeps the interpreter as native code for this machine. It is made by the
first run, and made again when it is missing: clearing it costs time and nothing else.
HERMETIC_CACHE_DIR says where it is."""

_DOCTOR_DESCRIPTION = """\
Say what is prepared, where, and how big; then run a guest to see that all of it
works. Prepares the interpreter if that has not been done. Exit status 1 when
something is broken."""


class UsageError(InvalidInput):
    """The command line does not say what to do."""

    code = "usage"


class _Parser(argparse.ArgumentParser):
    """Reports mistakes as `UsageError`, and prints without buffers."""

    def __init__(self, **options: Any) -> None:
        layout = argparse.RawDescriptionHelpFormatter
        super().__init__(formatter_class=layout, allow_abbrev=False, **options)

    def error(self, message: str) -> Never:
        raise UsageError(message, hint=f"`{self.prog} --help` shows how it is used.")

    def _print_message(self, message: str, file: object = None) -> None:
        write(STDOUT, message.encode("utf-8", "backslashreplace"))


if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction[_Parser]  # pyright: ignore[reportPrivateUsage]


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Raises `UsageError`; `SystemExit` with status 0 after --help."""
    parser = command_parser(only_run=arguments[:1] == ["run"])
    options = parser.parse_args(arguments)
    if options.command is None and not options.version:
        parser.error(
            "say what to do: run, session, shell, serve, mcp, key, policy, approvals, audit,"
            " resolve, env, doctor or cache"
        )
    return options


def command_parser(*, only_run: bool = False) -> argparse.ArgumentParser:
    """The grammar of all commands, or of `run` alone."""
    parser = _Parser(prog="hermetic", description=_DESCRIPTION, epilog=_EXAMPLES)
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_run(commands)
    if not only_run:
        _add_others(commands)
    return parser


def _add_others(commands: _Commands) -> None:
    """All commands but `run`, which would take longer to describe than to parse."""
    from hermetic.cli.gate_arguments import add_gate
    from hermetic.cli.package_arguments import add_env, add_resolve
    from hermetic.cli.policy_arguments import add_policy
    from hermetic.cli.service_arguments import add_services
    from hermetic.cli.session_arguments import add_sessions

    commands.add_parser(
        "doctor", help="check that everything works", description=_DOCTOR_DESCRIPTION
    )
    add_resolve(commands)
    add_env(commands)
    _add_cache(commands)
    add_services(commands, add_limits)
    add_sessions(commands)
    add_policy(commands)
    add_gate(commands)


def _add_run(commands: _Commands) -> None:
    parser = commands.add_parser(
        "run",
        help="run Python in a sandbox",
        usage="hermetic run [OPTIONS] (FILE | -c CODE | -) [ARGS ...]",
        description=_RUN_DESCRIPTION,
        epilog=_RUN_EXAMPLES,
    )
    parser.add_argument(
        "program",
        nargs=argparse.REMAINDER,
        metavar="FILE [ARGS ...]",
        help="the file to run, or - for standard input; then what the script gets in sys.argv",
    )
    parser.add_argument("-c", dest="code", metavar="CODE", help="run this code")
    parser.add_argument(
        "--json", action="store_true", help="print the whole result as JSON when the run has ended"
    )
    given = parser.add_argument_group("what the run is given")
    given.add_argument(
        "--env",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an environment variable; nothing of this machine's environment is passed on",
    )
    _add_judgement(parser)
    given.add_argument(
        "--mount",
        action="append",
        default=[],
        metavar="HOST:GUEST[:ro|rw]",
        help="a folder of this machine at an absolute path in the guest; read-only unless rw",
    )
    given.add_argument(
        "--out",
        type=_folder,
        metavar="DIR",
        help="a folder of this machine that gets the files of the script's working folder and"
        " its figures when the run has ended; made if there is none",
    )
    add_packages(parser)
    add_limits(parser)
    add_interpreter(parser)
    parser.add_argument(
        "--isolation",
        choices=("process", "shared"),
        default="process",
        help="where the guest lives: in a process of its own (process, the default), or in"
        " this one (shared)",
    )


def _add_judgement(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("who judges the run")
    group.add_argument(
        "--policy",
        metavar="FILE",
        help="run only what this policy allows, within what it allows; without it, all runs are",
    )
    group.add_argument(
        "--grant", default="local", metavar="NAME", help="whose run it is for policy (local)"
    )
    group.add_argument(
        "--tool-name",
        metavar="NAME",
        help="the tool as which it is judged (python_execute)",
    )


def _folder(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("name a folder")
    return text


def _add_cache(commands: _Commands) -> None:
    parser = commands.add_parser(
        "cache", help="see or clear what is kept on disk", description=_CACHE_DESCRIPTION
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("info", help="list what is kept, where, and how big it is")
    actions.add_parser("clear", help="remove all that is kept")
