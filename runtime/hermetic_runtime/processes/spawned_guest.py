"""A guest process that was started, not forked. For where there is no zygote."""

from __future__ import annotations

import gc
import socket
from pathlib import Path

from hermetic_runtime.interpreter import LoadedInterpreter
from hermetic_runtime.processes import guest_process
from hermetic_runtime.processes.confinement import confine_all
from hermetic_runtime.processes.programs import CONTROL_DESCRIPTOR, leave_terminal


def main(directory: str) -> None:
    """Serve one sandbox on the descriptor that was handed on."""
    leave_terminal()
    connection = socket.socket(fileno=CONTROL_DESCRIPTOR)
    confine_all()
    interpreter = LoadedInterpreter.load(Path(directory))
    gc.enable()
    guest_process.main(connection, interpreter)
