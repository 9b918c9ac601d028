"""The command line: `hermetic run`, `hermetic doctor`, `hermetic cache`.

Modules are imported by the command that needs them: a run should start at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status. Nothing but a fault of ours raises.

    All other imports are inside, so that Ctrl-C during any of them ends as it should.
    """
    try:
        from hermetic.cli.commands import run_command

        return run_command(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        from hermetic.cli.signals import exit_status_of_interrupt

        return exit_status_of_interrupt()
