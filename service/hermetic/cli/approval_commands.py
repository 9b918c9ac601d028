"""`hermetic approvals list`, `show`, `approve` and `deny`."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import time
from contextlib import closing
from datetime import datetime
from typing import Any

from hermetic.approvals.approval import Approval
from hermetic.approvals.settling import settle
from hermetic.approvals.store import ApprovalStore
from hermetic.audit.log import AuditLog
from hermetic.cli.messages import say
from hermetic.cli.standard_descriptors import STDOUT
from hermetic.cli.standard_streams import write
from hermetic.policy.gate_settings import GateSettings
from hermetic.policy.opening import open_audit_log


def run_approval_command(action: str, options: argparse.Namespace) -> int:
    """The exit status."""
    settings = GateSettings.read(os.environ)
    now = time.time()
    with closing(ApprovalStore(settings.data_directory)) as approvals:
        if action == "list":
            for approval in approvals.list(now=now, settled=options.all):
                _print(_as_json(approval) if options.json else _describe(approval))
        elif action == "show":
            _print(json.dumps(_fields(approvals.show(options.id, now=now)), indent=2))
        else:
            with closing(open_audit_log(settings)) as audit:
                _settle(approvals, audit, action == "approve", options, now)
    return 0


def _settle(
    approvals: ApprovalStore,
    audit: AuditLog,
    approved: bool,
    options: argparse.Namespace,
    now: float,
) -> None:
    settled = settle(
        approvals,
        audit,
        options.id,
        approved=approved,
        by=options.by or getpass.getuser(),
        why=options.why,
        now=now,
    )
    say(f"{settled.id} is {settled.state}")


def _describe(approval: Approval) -> str:
    """One line, in ASCII as far as callers wrote it: nothing in it can act on a terminal."""
    until = datetime.fromtimestamp(approval.expires).isoformat(" ", "seconds")
    given = (approval.tool, approval.grant_name, approval.reason)
    tool, name, reason = map(json.dumps, given)
    return (
        f"{approval.id}  {approval.state}  until {until}"
        f"  {tool}  grant {approval.grant_id} {name}  {reason}"
    )


def _fields(approval: Approval) -> dict[str, Any]:
    arguments = None if approval.arguments is None else json.loads(approval.arguments)
    return approval._asdict() | {"arguments": arguments}


def _as_json(approval: Approval) -> str:
    return json.dumps(_fields(approval), separators=(",", ":"))


def _print(line: str) -> None:
    write(STDOUT, f"{line}\n".encode("utf-8", "backslashreplace"))
