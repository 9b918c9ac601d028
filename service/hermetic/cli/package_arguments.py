"""The command line's grammar for packages: options of a run, `resolve` and `env`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hermetic.cli.quantities import parse_duration

if TYPE_CHECKING:
    from hermetic_runtime.packages.settings import PackageSettings

_RESOLVE_DESCRIPTION = """\
Say which interpreter a script gets, why, and the exact packages that were chosen for it."""

_RESOLVE_EXAMPLES = """\
examples:
  hermetic resolve report.py
  hermetic resolve --with 'pydantic>=2' --with numpy
  hermetic resolve --json report.py      as data, with the hash of every wheel"""

_ENV_DESCRIPTION = """\
Package sets: packages that were installed for an interpreter, once, and are shared by all
runs that ask for the same. They are made by the first run that needs them."""

_ENV_EXAMPLES = """\
examples:
  hermetic env list                   what is kept, how big, and when it was last used
  hermetic env build report.py        make ready ahead of time what a script needs
  hermetic env show pyodide-314       what is in one; the beginning of a name is enough
  hermetic env remove pyodide-314
  hermetic env prune --unused 30d     remove what nothing has used for 30 days"""

_UNUSED_DAYS = 30


def add_interpreter(parser: argparse.ArgumentParser) -> None:
    """`--interpreter`."""
    parser.add_argument(
        "--interpreter",
        choices=("auto", "pyodide", "wasi"),
        default="auto",
        help="which CPython runs the script: pyodide (3.14), or wasi (3.15, with NumPy, pandas and"
        " their kin built in); auto takes the first that can run it",
    )


def add_packages(parser: argparse.ArgumentParser) -> None:
    """What says which packages a script has."""
    group = parser.add_argument_group(
        "which packages it has, besides what the script says in its metadata block (PEP 723)"
    )
    group.add_argument(
        "--with",
        dest="requirements",
        action="append",
        default=[],
        metavar="PACKAGE",
        help="a requirement such as 'pydantic>=2'; may be given several times",
    )
    group.add_argument(
        "--requirements",
        dest="requirements_files",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="a file of requirements, one a line",
    )
    group.add_argument(
        "--exclude-newer", metavar="DATE", help="only packages published until then (RFC 3339)"
    )
    group.add_argument(
        "--refresh", action="store_true", help="choose versions anew, whatever is remembered"
    )
    group.add_argument(
        "--offline", action="store_true", help="use only packages that are on this machine"
    )
    group.add_argument(
        "--allow-script-index",
        action="store_true",
        help="let [tool.uv] of the script say where packages come from",
    )
    group.add_argument(
        "--allow-direct-references",
        action="store_true",
        help="let requirements name the https URL of a wheel",
    )


def add_resolve(commands: Any) -> None:
    """`hermetic resolve`."""
    parser = commands.add_parser(
        "resolve",
        help="say which packages a script gets, and why",
        usage="hermetic resolve [OPTIONS] [FILE]",
        description=_RESOLVE_DESCRIPTION,
        epilog=_RESOLVE_EXAMPLES,
    )
    _add_script(parser)
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def add_env(commands: Any) -> None:
    """`hermetic env` and what it does."""
    parser = commands.add_parser(
        "env",
        help="see, make and remove package sets",
        description=_ENV_DESCRIPTION,
        epilog=_ENV_EXAMPLES,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="list what is kept")
    show = actions.add_parser("show", help="say what is in a package set")
    show.add_argument("name", metavar="NAME")
    build = actions.add_parser(
        "build", help="make ready what a script needs", usage="hermetic env build [OPTIONS] [FILE]"
    )
    _add_script(build)
    remove = actions.add_parser("remove", help="remove a package set")
    remove.add_argument("name", metavar="NAME")
    prune = actions.add_parser("prune", help="remove what was not used for long")
    prune.add_argument(
        "--unused",
        type=_duration,
        default=_UNUSED_DAYS * 86_400.0,
        metavar="TIME",
        help=f"remove what was last used longer ago, such as 12h or 7d (default {_UNUSED_DAYS}d)",
    )


def _add_script(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", metavar="FILE", help="the script; - for standard input")
    add_packages(parser)
    add_interpreter(parser)


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def read_package_settings(options: argparse.Namespace) -> PackageSettings | None:
    """None when nothing was given, which needs nothing loaded."""
    given = {
        name: getattr(options, name)
        for name in (
            "exclude_newer",
            "refresh",
            "offline",
            "allow_script_index",
            "allow_direct_references",
        )
        if getattr(options, name)
    }
    if not given:
        return None
    from hermetic_runtime.packages.settings import PackageSettings

    return PackageSettings(**given)
