"""The grammar of `hermetic approvals` and `hermetic audit`."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import Any

_APPROVALS_DESCRIPTION = """\
Calls that a policy lets pass only when a person agrees. An approval is for one call with
exactly these arguments, is used once, and expires."""

_AUDIT_DESCRIPTION = """\
What was decided of every call, and what became of it. Each record carries the hash of the
one before it. Code and values are written as hashes, unless HERMETIC_AUDIT_VALUES=1."""

_EXAMPLES = """\
examples:
  hermetic audit export --since 2026-11-01 --grant 5f0c2ab91d7e > november.jsonl
  hermetic audit export --tool run | jq 'select(.verdict == "deny") | .rule'"""


def add_gate(commands: Any) -> None:
    """To the commands of `hermetic`."""
    _add_approvals(commands)
    _add_audit(commands)


def _add_approvals(commands: Any) -> None:
    approvals = commands.add_parser(
        "approvals", help="agree to calls that wait", description=_APPROVALS_DESCRIPTION
    )
    actions = approvals.add_subparsers(dest="action", metavar="ACTION", required=True)
    listed = actions.add_parser("list", help="list what waits")
    listed.add_argument("--all", action="store_true", help="and what was decided, used or expired")
    listed.add_argument("--json", action="store_true", help="one JSON object a line")
    show = actions.add_parser("show", help="show one, with the arguments of its call")
    show.add_argument("id", metavar="ID")
    for action, what in (("approve", "let the call pass, once"), ("deny", "refuse the call")):
        parser = actions.add_parser(action, help=what)
        parser.add_argument("id", metavar="ID", help="as `hermetic approvals list` shows it")
        parser.add_argument("--by", metavar="NAME", help="who decides (the user that runs this)")
        parser.add_argument("--why", default="", metavar="TEXT", help="kept with the decision")


def _add_audit(commands: Any) -> None:
    audit = commands.add_parser(
        "audit", help="see what was decided", description=_AUDIT_DESCRIPTION
    )
    actions = audit.add_subparsers(dest="action", metavar="ACTION", required=True)
    tail = actions.add_parser("tail", help="show the last records")
    tail.add_argument(
        "-n", dest="number", type=_count, default=20, metavar="N", help="how many (20)"
    )
    show = actions.add_parser("show", help="show all records of one call or approval")
    show.add_argument("id", metavar="ID", help="`call` or `approval` of a record")
    export = actions.add_parser("export", help="write records as JSON lines", epilog=_EXAMPLES)
    for option, what in (("--since", "from this time on"), ("--until", "before this time")):
        export.add_argument(option, type=_time, metavar="TIME", help=f"{what} (ISO 8601)")
    export.add_argument("--grant", metavar="ID", help="of this grant only")
    export.add_argument("--tool", metavar="NAME", help="of this tool only")
    verify = actions.add_parser("verify", help="check that nothing was changed or taken out")
    verify.add_argument(
        "--expect",
        metavar="HASH",
        help="the last hash of an earlier check, which has to be in the log still",
    )


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError("a whole number from 1 to 1,000,000")
    return int(text)


def _time(text: str) -> float:
    """Seconds since the epoch; a time without a zone is one of this machine."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(f"no time: {text!r}") from None
