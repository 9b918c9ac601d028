"""The grammar of `hermetic policy`."""

from __future__ import annotations

import argparse
from typing import Any

_DESCRIPTION = """\
Policies say who may run what, how often, and with which limits. A policy file is YAML or
JSON; docs/policy.md teaches the format."""

_EXAMPLES = """\
examples:
  hermetic policy init                   write policy.yaml, a start with comments
  hermetic policy check policy.yaml      say what is wrong with it, and in which line
  hermetic policy explain policy.yaml --tool python_execute --args '{"code": "1 + 1"}'
      judge one call: every rule that was looked at, and which one decides
  hermetic policy explain policy.yaml --tool run --counter state.run._rate_minute=10
      the same, as if ten calls had been made in this minute
  hermetic policy test cases.yaml        judge a table of calls, and show what differs
  hermetic policy schema                 the JSON Schema of policy files, for editors

exit status of `test`: 0 when every case came out as expected, 1 when one did not."""


def add_policy(commands: Any) -> None:
    """Add the command to the subparsers of `hermetic`."""
    parser = commands.add_parser(
        "policy",
        help="check, explain and test policies",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="say what is wrong with policy files")
    check.add_argument("files", metavar="FILE", nargs="+")
    _add_explain(actions)
    test = actions.add_parser("test", help="judge a table of cases, and show what differs")
    test.add_argument("file", metavar="FILE", help="YAML with `policy:` and `cases:`")
    init = actions.add_parser("init", help="write a policy with comments to start from")
    init.add_argument("file", metavar="FILE", nargs="?", default="policy.yaml")
    actions.add_parser("schema", help="print the JSON Schema of policy files")


def _add_explain(actions: Any) -> None:
    explain: argparse.ArgumentParser = actions.add_parser(
        "explain", help="say what becomes of a call, and by which rule"
    )
    explain.add_argument("file", metavar="FILE")
    explain.add_argument("--tool", required=True, metavar="NAME", help="the tool that is called")
    explain.add_argument(
        "--grant", default="local", metavar="NAME", help="who calls: a grant's name or id (local)"
    )
    explain.add_argument(
        "--args", default="{}", metavar="JSON", help="the arguments of the call, a JSON object"
    )
    explain.add_argument(
        "--required",
        action="append",
        metavar="NAME",
        help="an argument that the tool's schema requires (code); may be given several times",
    )
    explain.add_argument(
        "--counter",
        action="append",
        default=[],
        metavar="PATH=NUMBER",
        help="the value of a counter, such as state.run._rate_minute=9 (0)",
    )
    explain.add_argument(
        "--now", metavar="TIME", help="when, as 2026-11-21T12:00:00Z (now; UTC if it says no zone)"
    )
