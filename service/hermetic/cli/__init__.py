"""The command line: `hermetic run`, `hermetic doctor`, `hermetic cache`.

Modules are imported by the command that needs them: a run should start at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hermetic.cli import exit_status
from hermetic_wasm.errors import HermeticError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status. Nothing but a fault of ours raises."""
    try:
        from hermetic.cli.commands import run_command

        return run_command(sys.argv[1:] if arguments is None else arguments)
    except HermeticError as error:
        from hermetic.cli.messages import report_error

        report_error(error)
        return exit_status.of_error(error)
    except KeyboardInterrupt:
        from hermetic.cli.messages import say
        from hermetic.cli.signals import ignore_interrupts

        ignore_interrupts()
        say("interrupted")
        return exit_status.INTERRUPTED
    except BrokenPipeError:
        return exit_status.BROKEN_PIPE
