"""`hermetic audit tail`, `show`, `export` and `verify`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from contextlib import closing

from hermetic.audit.index import AuditIndex
from hermetic.audit.verification import verify
from hermetic.cli import exit_status
from hermetic.cli.messages import say
from hermetic.cli.standard_descriptors import STDOUT
from hermetic.cli.standard_streams import write
from hermetic.errors import InvalidInput
from hermetic.policy.gate_settings import GateSettings
from hermetic.policy.opening import audit_directory


def run_audit_command(action: str, options: argparse.Namespace) -> int:
    """The exit status."""
    directory = audit_directory(GateSettings.read(os.environ))
    if action == "verify":
        verified = verify(directory, expected=options.expect)
        if verified.problem is not None:
            say(f"the audit log was changed: {verified.problem}")
            return exit_status.BROKEN
        if not verified.found:
            say("no record has the hash that is expected: the log was changed, or its end cut off")
            return exit_status.BROKEN
        last = verified.first + verified.records - 1
        _print([f"{verified.records} records, {verified.first} to {last}: {verified.last_hash}"])
        return 0
    with closing(AuditIndex(directory)) as index:
        if action == "tail":
            _print(index.tail(options.number))
        elif action == "show":
            records = index.of(options.id)
            if not records:
                raise InvalidInput(
                    f"the audit log has no record of {options.id[:60]!r}",
                    hint="`hermetic audit tail` shows the last calls with their ids.",
                )
            _print(records)
        else:
            selection = {"grant": options.grant, "tool": options.tool, "until": options.until}
            _print(index.export(since=options.since or 0.0, **selection))
    return 0


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        write(STDOUT, f"{line}\n".encode("ascii", "backslashreplace"))
