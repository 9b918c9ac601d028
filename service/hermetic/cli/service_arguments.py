"""The grammar of `hermetic serve`, `hermetic mcp` and `hermetic key`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

_SERVE_DESCRIPTION = """\
Serve runs over HTTP: POST /v1/run, and MCP at /mcp. /docs shows the interface. Every
request needs a key (`hermetic key create NAME`) unless --no-key is given."""

_SERVE_EXAMPLES = """\
examples:
  hermetic serve --no-key
      for programs on this machine only, which need no key then
  hermetic key create ci && hermetic serve --host 0.0.0.0
      for others as well; put something that speaks TLS in front of it

Each setting can come from the environment: HERMETIC_HOST, HERMETIC_PORT,
HERMETIC_CONCURRENCY, HERMETIC_SPARES, HERMETIC_SHARED, HERMETIC_QUEUE_LENGTH,
HERMETIC_QUEUE_LENGTH_PER_GRANT, HERMETIC_CONNECTIONS,
HERMETIC_HEAD_WAIT_SECONDS, HERMETIC_BODY_BYTES,
HERMETIC_BODY_WAIT_SECONDS, HERMETIC_KEPT_SECONDS, HERMETIC_KEPT_RUNS_PER_GRANT,
HERMETIC_FILE_BYTES_PER_GRANT, HERMETIC_UPLOADS_SECONDS,
HERMETIC_SESSIONS_PER_GRANT, HERMETIC_MCP_SESSIONS_PER_GRANT,
HERMETIC_MCP_SESSION_IDLE_SECONDS, HERMETIC_LIVE_SESSIONS,
HERMETIC_SESSION_IDLE_SECONDS, HERMETIC_SESSION_KEPT_SECONDS,
HERMETIC_SHUTDOWN_SECONDS, HERMETIC_DATA_DIRECTORY,
HERMETIC_POLICY, HERMETIC_TOOL_NAME."""

_MCP_DESCRIPTION = """\
Serve MCP on standard input and output, for a client that starts this command itself.
The limits are those of every call; a call can ask for less time."""

_KEY_DESCRIPTION = """\
The keys that `hermetic serve` accepts. A key is shown once, when it is made; only a
hash of it is kept."""

AddLimits = Callable[[argparse.ArgumentParser], None]


def add_services(commands: Any, add_limits: AddLimits) -> None:
    """Add the commands to the subparsers of `hermetic`."""
    layout = argparse.RawDescriptionHelpFormatter
    serve = commands.add_parser(
        "serve",
        help="serve runs over HTTP and MCP",
        description=_SERVE_DESCRIPTION,
        epilog=_SERVE_EXAMPLES,
    )
    serve.add_argument("--host", metavar="ADDRESS", help="address to listen on (127.0.0.1)")
    serve.add_argument("--port", type=int, help="TCP port, 0 for any free one (8080)")
    serve.add_argument(
        "--no-key", action="store_true", help="ask for no key; only on a loopback address"
    )
    serve.add_argument(
        "--shared",
        action="store_true",
        default=None,
        help="run one after the other in worker processes for keys that were made with --shared,"
        " and without keys: for trusted code, much quicker",
    )
    _add_policy(serve)
    mcp = commands.add_parser(
        "mcp", help="serve MCP on stdin and stdout", description=_MCP_DESCRIPTION
    )
    mcp.add_argument(
        "--shared",
        action="store_true",
        help="run calls one after the other in worker processes, instead of a process for each:"
        " for trusted code, much quicker; HERMETIC_SHARED does not do this here",
    )
    _add_policy(mcp)
    add_limits(mcp)
    _add_key(commands, add_limits)
    for parser in (serve, mcp):
        parser.formatter_class = layout


def _add_policy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--policy",
        type=lambda text: Path(text).absolute(),
        metavar="FILE",
        help="judge every call by this policy; changes of the file apply at once",
    )
    parser.add_argument(
        "--tool-name",
        metavar="NAME",
        help="the name of the tool that runs code, for MCP and for policy (python_execute)",
    )


def _add_key(commands: Any, add_limits: AddLimits) -> None:
    key = commands.add_parser(
        "key", help="make, list and revoke keys for `hermetic serve`", description=_KEY_DESCRIPTION
    )
    actions = key.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions.add_parser("create", help="make a key and print it, this once")
    create.add_argument("name", metavar="NAME", help="what the key is for")
    create.add_argument(
        "--shared",
        action="store_true",
        help="trust its code with worker processes, where `hermetic serve --shared` has them",
    )
    add_limits(create)
    actions.add_parser("list", help="list ids, names and limits of all keys")
    revoke = actions.add_parser("revoke", help="refuse a key from now on")
    revoke.add_argument("id", metavar="ID", help="the id that `hermetic key list` shows")
