"""The command line: `hermetic` and its commands.

Modules are imported by the command that needs them: a run should start at once.
"""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False  # without `typing`, whose import would delay everything
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn


def program() -> NoReturn:
    """The command `hermetic`: `main`, and then the end of this process, at once.

    Taking the interpreter down in order would take longer than a guest's run. Nothing is
    left to do: output is written unbuffered, and the zygote ends when this process does.
    """
    os._exit(main())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status. Nothing but a fault of ours raises.

    All other imports are inside, so that Ctrl-C during any of them ends as it should.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        from hermetic.cli.standard_descriptors import open_missing_descriptors

        open_missing_descriptors()
        if arguments[:1] == ["run"]:
            gc.disable()  # until all is imported, of which nothing is garbage
            if sys.platform == "linux":
                _start_ahead()
        from hermetic.cli.commands import run_command

        return run_command(arguments)
    except KeyboardInterrupt:
        from hermetic.cli.signals import exit_status_of_interrupt

        return exit_status_of_interrupt()
    finally:
        gc.enable()


def _start_ahead() -> None:
    """Let the process that guests are forked from load while this one still imports.

    Where it turns out not to be needed, it ends with this process.
    """
    from hermetic_runtime.processes.early_start import start_ahead

    start_ahead()
