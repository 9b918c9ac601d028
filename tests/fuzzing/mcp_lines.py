"""What a client may write to `hermetic mcp`: lines that are no JSON, or no message, or one
that comes when nobody asked for it.

The server answers with errors of JSON-RPC 2.0, or not at all; it never ends over one, writes
nothing else to its stdout, and serves the next call as if nothing had been.
"""

from __future__ import annotations

import json
import queue
import subprocess
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, BinaryIO

from mcp_over_stdio import over_stdio

import hermetic

_OUR_CODE = str(Path(hermetic.__file__).parent).encode()
_PATIENCE_SECONDS = 240
_VERSIONS = ("2025-06-18", "2024-11-05", "9999-01-01", "", "\0")
_METHODS = (
    *("initialize", "ping", "tools/list", "tools/call", "resources/list", "resources/read"),
    *("resources/templates/list", "resources/subscribe", "prompts/list", "prompts/get"),
    *("completion/complete", "logging/setLevel", "server/discover", "sampling/createMessage"),
    *("notifications/initialized", "notifications/cancelled", "notifications/progress"),
    *("notifications/roots/list_changed", "roots/list", "elicitation/create", "tasks/get"),
    *("", "no/such/method", "__class__", "tools/call\0", "x" * 3000, "\u202e", "rpc.discover"),
)
_TOOLS: dict[str, tuple[str, ...]] = {
    "python_execute": (
        *("code", "context", "timeout", "requirements", "interpreter", "files", "session"),
    ),
    "session_create": ("requirements", "interpreter"),
    "session_close": ("session",),
    "workspace_list": ("session",),
    "workspace_read": ("session", "path"),
    "workspace_write": ("session", "path", "contents"),
    "": ("",),
    "no_such_tool": ("self", "ctx"),
    "__init__": ("__class__", "kwargs"),
    "x" * 3000: ("\0",),
}
_OPEN_SESSION = b"the session that is open"
"""Stands for its handle in a line that is to be sent."""
_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 2**31, 2**63, 2**64, 10**400, 1.5, 1e308, float("nan")),
    *(
        float("inf"),
        "",
        "x",
        "1 + 1",
        "\0",
        "\ud800",
        "\U0010ffff",
        "../../etc/passwd",
        "a" * 70_000,
    ),
    *(
        [],
        {},
        [[]],
        [None],
        {"": None},
        {"a": {"a": {}}},
        [1, "a", {}],
        "python_execute",
        ["a b", ""],
    ),
    *({"a.txt": {"base64": "!"}}, {"../a": "x"}, {"a" * 300: "x"}, {"a": 1}, {"\ud800": "x"}),
    *({"1a": 1}, {"a": float("nan")}, "hermetic://sessions/x/files/y", "file:///etc/passwd", "::"),
)
_LINES = (
    *(b"", b" ", b"\t", b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"\xef\xbb\xbf{}", b"\r", b"hello"),
    *(b"{", b"}", b"[", b"]", b"[]", b"{}", b"null", b"true", b"1", b'"x"', b"NaN", b"-", b"'"),
    *(b"Content-Length: 2\r", b"GET / HTTP/1.1\r", b"\x1b[2J", b'{"jsonrpc":', b'"\\ud800"'),
    *(b"[" * 100_000, b'{"a":' * 5000, b"9" * 100_000, b"{" + b" " * 200_000 + b"}"),
    *(b"\xe2\x80\xa8", b"\xc2\x85", b"\x0b", b"\x0c", b"\x1c", b"\x00" * 1000, b"\xff" * 10_000),
    *(b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping","method":"ping"}', b'{"jsonrpc":"2.0"}'),
)
_MEMBERS = ("jsonrpc", "id", "method", "params", "result", "error")
_META = "io.modelcontextprotocol"


class McpServer:
    """A running `hermetic mcp`. Its stdout is read all the time, so that it never waits."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._numbers = count()
        self._session = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self._request(
            "initialize",
            {
                "protocolVersion": _VERSIONS[0],
                "capabilities": {},
                "clientInfo": {"name": "fuzz", "version": "1"},
            },
        )
        self.send(_encoded({"jsonrpc": "2.0", "method": "notifications/initialized"}))
        created = self._request("tools/call", {"name": "session_create", "arguments": {}})
        self._session = created["result"]["structuredContent"]["session"].encode()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def send(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.replace(_OPEN_SESSION, self._session) + b"\n")
        self._process.stdin.flush()

    def _request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The answer. Raises `ValueError` for a line that no server may write."""
        id_ = f"good {next(self._numbers)}"
        self.send(_encoded({"jsonrpc": "2.0", "id": id_, "method": method, "params": params}))
        while True:
            line = self._lines.get(timeout=_PATIENCE_SECONDS)
            if line is None:
                raise ValueError(f"the server ended with {self._process.wait()}")
            message = _checked_message(line)
            if message.get("id") == id_ and "method" not in message:
                return message

    def fault_of(self, lines: list[bytes]) -> str | None:
        """What is wrong with how lines were taken, if anything is."""
        try:
            for line in lines:
                self.send(line)
            called = {"name": "python_execute", "arguments": {"code": "6 * 7"}}
            answer = self._request("tools/call", called)
        except (OSError, ValueError, queue.Empty) as error:
            return f"{type(error).__name__}: {error} after {_shown(lines)}"
        if "42" not in str(answer.get("result", {}).get("content")):
            return f"the next call was answered {str(answer)[:300]} after {_shown(lines)}"
        return None

    def close(self) -> int:
        """End its input; the exit status."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        status = self._process.wait(_PATIENCE_SECONDS)
        self._reader.join()
        self._process.stdout.close()
        return status


def fault_of_client(choices: Random, calls: int) -> str | None:
    """What is wrong with how a server takes hostile lines and good calls in turns, if anything
    is; its input ends at last, and so must the server.
    """
    with tempfile.TemporaryDirectory() as name, (Path(name) / "log").open("wb+") as log:
        with mcp_server(Path(name), log) as server:
            for _ in range(calls):
                fault = server.fault_of(hostile_lines(choices))
                if fault is not None:
                    return fault
            if status := server.close():
                return f"the server ended with {status} when its input did"
        log.seek(0)
        stray = [line for line in log if not line.startswith(b'{"time"')]
        return f"the server's stderr has {stray[:9]}" if stray else None


@contextmanager
def mcp_server(folder: Path, log: BinaryIO) -> Generator[McpServer]:
    """A server that keeps what it keeps in `folder`, and whose stderr is `log`."""
    parameters = over_stdio(folder / "data")
    process = subprocess.Popen(
        [parameters.command, *parameters.args],
        env=parameters.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
    )
    try:
        yield McpServer(process)
    finally:
        process.kill()
        process.wait()


def hostile_lines(choices: Random) -> list[bytes]:
    """Some that are messages, in an order that no client has."""
    return [_line(choices) for _ in range(choices.randrange(1, 6))]


def _line(choices: Random) -> bytes:
    sort = choices.random()
    if sort < 0.2:
        return b"".join(choices.choice(_LINES) for _ in range(choices.randrange(1, 4)))
    if sort < 0.25:
        return choices.randbytes(choices.randrange(200)).replace(b"\n", b"")
    message = _encoded(_message(choices))
    if sort < 0.4:
        return message[: choices.randrange(len(message))]
    if sort < 0.5:
        at = choices.randrange(len(message))
        damaged = message[:at] + choices.randbytes(choices.randrange(1, 9)) + message[at + 1 :]
        return damaged.replace(b"\n", b"")
    return message


def _message(choices: Random) -> Any:
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": choices.choice(_METHODS)}
    if choices.random() < 0.8:
        message["id"] = choices.choice((0, 1, 1, 2, "1", "x", -1, choices.choice(_ODD)))
    if choices.random() < 0.8:
        message["params"] = _params(choices)
    if choices.random() < 0.4:
        tool = choices.choice(list(_TOOLS))
        params = {"name": tool, "arguments": _arguments(choices, tool)}
        return {"jsonrpc": "2.0", "id": choices.choice((1, "x")), "method": "tools/call"} | {
            "params": params
        }
    if choices.random() < 0.15:
        message[choices.choice(_MEMBERS)] = choices.choice(_ODD)
    if choices.random() < 0.1:
        del message[choices.choice(list(message))]
    if choices.random() < 0.1:
        answer = choices.choice(("result", "error"))
        message[answer] = choices.choice((*_ODD, {"code": 1, "message": "x"}))
        message.pop("method", None)
    if choices.random() < 0.05:
        return [message] * choices.randrange(4)
    return message


def _params(choices: Random) -> Any:
    if choices.random() < 0.2:
        return choices.choice(_ODD)
    tool = choices.choice(list(_TOOLS))
    params: dict[str, Any] = {"name": tool, "arguments": _arguments(choices, tool)}
    if choices.random() < 0.3:
        params = {
            "protocolVersion": choices.choice((*_VERSIONS, *_ODD)),
            "capabilities": choices.choice(({}, *_ODD)),
            "clientInfo": choices.choice(({"name": "x", "version": "1"}, *_ODD)),
        }
    if choices.random() < 0.3:
        params["_meta"] = choices.choice(
            (
                *({"progressToken": each} for each in _ODD),
                *({f"{_META}/protocolVersion": each} for each in (*_VERSIONS, None, 1)),
                *_ODD,
            )
        )
    for name in ("requestId", "uri", "level", "cursor", "requestState", "inputResponses", "task"):
        if choices.random() < 0.15:
            params[name] = choices.choice(_ODD)
    return params


def _arguments(choices: Random, tool: str) -> Any:
    """Mostly of the tool, and mostly such as it takes."""
    if choices.random() < 0.05:
        return choices.choice(_ODD)
    names = (*_TOOLS[tool], *choices.choice(list(_TOOLS.values())))
    odd = {choices.choice(names): choices.choice(_ODD) for _ in range(choices.randrange(3))}
    usual = {"code": "1", "session": _OPEN_SESSION.decode(), "path": "a/b", "contents": "x"}
    if tool == "session_close":
        usual["session"] = "x"
    return {name: usual[name] for name in _TOOLS[tool] if name in usual} | odd


def _encoded(message: Any) -> bytes:
    return json.dumps(message).encode()


def _checked_message(line: bytes) -> dict[str, Any]:
    """Raises `ValueError` for what is no message of JSON-RPC 2.0."""
    message = json.loads(line)
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":  # pyright: ignore[reportUnknownMemberType]
        raise ValueError(f"no message of JSON-RPC: {line[:300]!r}")
    if ("method" in message) + ("result" in message) + ("error" in message) != 1:
        raise ValueError(f"neither a request nor an answer: {line[:300]!r}")
    if "Traceback" in str(message.get("error")) or _OUR_CODE in line:
        raise ValueError(f"a traceback of ours: {line[:3000]!r}")
    return message  # pyright: ignore[reportUnknownVariableType]


def _shown(lines: list[bytes]) -> str:
    return ", ".join(repr(line[:400]) for line in lines)
