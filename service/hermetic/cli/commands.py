"""From a command line to the command that it names."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from hermetic.cli import exit_status
from hermetic.cli.arguments import parse_arguments
from hermetic.cli.messages import report_error
from hermetic.cli.signals import exit_on_termination
from hermetic.cli.standard_descriptors import STDOUT
from hermetic.cli.standard_streams import write
from hermetic_runtime.errors import HermeticError


def run_command(arguments: Sequence[str]) -> int:
    """Run one command; its exit status. Errors of ours are reported on stderr."""
    exit_on_termination()
    try:
        return _dispatch(parse_arguments(arguments))
    except HermeticError as error:
        report_error(error)
        return exit_status.of_error(error)
    except BrokenPipeError:
        return exit_status.BROKEN_PIPE


def _dispatch(options: argparse.Namespace) -> int:
    if options.version:
        return _print_version()
    match options.command, getattr(options, "action", None):
        case "run", _:
            from hermetic.cli.running import run

            return run(options)
        case "resolve", _:
            from hermetic.cli.resolving import resolve

            return resolve(options)
        case "env", action:
            return _environments(str(action), options)
        case "session", _:
            from hermetic.cli.sessions import manage_session

            return manage_session(options)
        case "shell", _:
            from hermetic.cli.shell import run_shell

            return run_shell(options)
        case "doctor", _:
            from hermetic.cli.doctor import examine

            return examine()
        case "serve", _:
            from hermetic.cli.services import serve

            return serve(options)
        case "mcp", _:
            from hermetic.cli.services import serve_mcp

            return serve_mcp(options)
        case "key", action:
            from hermetic.cli.key_commands import run_key_command

            return run_key_command(str(action), options)
        case "policy", action:
            from hermetic.cli.policies import run_policy_command

            return run_policy_command(str(action), options)
        case "approvals", action:
            from hermetic.cli.approval_commands import run_approval_command

            return run_approval_command(str(action), options)
        case "audit", action:
            from hermetic.cli.audit_commands import run_audit_command

            return run_audit_command(str(action), options)
        case "cache", "info":
            from hermetic.cli.caching import info

            return info()
        case _:
            from hermetic.cli.caching import clear

            return clear()


def _environments(action: str, options: argparse.Namespace) -> int:
    from hermetic.cli import environments

    match action:
        case "list":
            return environments.list_environments()
        case "show":
            return environments.show(options)
        case "build":
            return environments.build(options)
        case "remove":
            return environments.remove(options)
        case _:
            return environments.prune_unused(options)


def _print_version() -> int:
    from importlib.metadata import version

    write(STDOUT, f"hermetic {version('hermetic')}\n".encode())
    return 0
