"""A guest process that was started, not forked. For where there is no zygote."""

from __future__ import annotations

import gc
import socket

from hermetic_runtime.environments import Environment, load_environment
from hermetic_runtime.processes import guest_process
from hermetic_runtime.processes.confinement import confine_all
from hermetic_runtime.processes.programs import CONTROL_DESCRIPTOR, leave_terminal
from hermetic_runtime.processes.watch import expect_alarms


def main(encoded: str) -> None:
    """Serve one sandbox on the descriptor that was handed on."""
    leave_terminal()
    connection = socket.socket(fileno=CONTROL_DESCRIPTOR)
    confine_all()
    expect_alarms()
    environment = load_environment(Environment.decode(bytes.fromhex(encoded)))
    gc.freeze()
    gc.enable()
    guest_process.main(connection, environment)
