"""From a command line to the command that it names."""

from __future__ import annotations

from collections.abc import Sequence

from hermetic.cli.arguments import parse_arguments
from hermetic.cli.signals import exit_on_termination
from hermetic.cli.standard_streams import STDOUT, open_missing_descriptors, write


def run_command(arguments: Sequence[str]) -> int:
    """Run one command; its exit status. Raises `HermeticError` when it can't be run."""
    open_missing_descriptors()
    options = parse_arguments(arguments)
    exit_on_termination()
    if options.version:
        return _print_version()
    match options.command, getattr(options, "action", None):
        case "run", _:
            from hermetic.cli.running import run

            return run(options)
        case "doctor", _:
            from hermetic.cli.doctor import examine

            return examine()
        case "cache", "info":
            from hermetic.cli.caching import info

            return info()
        case _:
            from hermetic.cli.caching import clear

            return clear()


def _print_version() -> int:
    from importlib.metadata import version

    write(STDOUT, f"hermetic {version('hermetic')}\n".encode())
    return 0
