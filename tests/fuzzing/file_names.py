"""Names of files as a hostile client of the service writes them: in paths, percent-encoded or
not, and in the files that a run is given.

Each is answered with success, and the file is there under that name, or with a problem of ours;
and nothing is made outside of the session's folder.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Generator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from random import Random
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from live_service import PATIENCE_SECONDS, LiveService, live_service

_MARK = b"what a hostile client wrote"
_ESCAPED = "escaped"
_PROBLEM = "application/problem+json"
_METHODS = ("PUT", "PUT", "PUT", "GET", "DELETE", "HEAD")
_PARTS = (
    *(
        "a",
        "b",
        "d",
        "a.b",
        _ESCAPED,
        *[_ESCAPED] * 9,
        "..",
        ".",
        "",
        "...",
        " ",
        "a ",
        " a",
        "a.",
        "~",
        "-rf",
        "*",
    ),
    *(
        "\0",
        "a\0b",
        "\n",
        "\r\n",
        "\t",
        "\x1b[2J",
        "\x7f",
        "a\\b",
        "..\\..\\a",
        "C:",
        "CON",
        "NUL.txt",
    ),
    *(
        "é",
        "e\u0301",
        "\u212b",
        "\ufb01",
        "\u202e",
        "\ufeff",
        "\U0001f600",
        "\u2028",
        "\uff0e\uff0e",
    ),
    *(
        "\ud800",
        "\udcff",
        "n" * 255,
        "n" * 256,
        "é" * 128,
        "n" * 4000,
        "d/" * 127 + "x",
        "d/" * 3000,
    ),
    *("workspace", "0.journal", "state", ".partial", "a.partial", ".hermetic-0123456789abcdef"),
    *("?", "#", "%", "%2e", "%2e%2e", "%2f", "%5c", "%00", "%", "%zz", "%u002e", "%c0%ae%c0%ae"),
    *("%ff", "%ed%a0%80", ";a", "&", "=", "@", ":", "$HOME", "`id`", "'", '"', "<b>", "files"),
)
_SEPARATORS = (*"////////", "//", "/./", "/../", "%2f", "%2F", "\\", "%252f", "/%2e%2e/")
_BEGINNINGS = (*[""] * 30, "/", "../", "../../", "%2e%2e/", "%2e%2e%2f", "/etc/", "~/", "./")
_READING = "open(name).read()"
_MAKING = f"""\
import os
try:
    os.makedirs(os.path.dirname("/workspace/" + name), exist_ok=True)
    with open(name, "wb") as file:
        file.write({_MARK!r})
except (OSError, ValueError):
    pass
"""
_RAW = (b"\xff", b"\xc3\xa9", b"\xc0\xae\xc0\xae", b"\xed\xa0\x80", b"\x80", b"\xef\xbc\x8f")


class NamedFile(NamedTuple):
    """`target` is what follows `/files/` in a request's path; `name` is of a file that a run is
    given. One of them is asked for, by `method` or by a run if that is empty.
    """

    method: str
    target: bytes
    name: str


def hostile_name(choices: Random) -> NamedFile:
    """Most of them such as somebody could have meant."""
    parts = [choices.choice(_PARTS) for _ in range(choices.randrange(1, 5))]
    text = choices.choice(_BEGINNINGS) + parts[0]
    for part in parts[1:]:
        text += choices.choice(_SEPARATORS) + part
    if choices.random() < 0.3:
        return NamedFile("", b"", choices.choice(("", "", "", "/workspace/", "/tmp/")) + text)
    encoded = text.encode("utf-8", "surrogatepass")
    sort = choices.random()
    if sort < 0.6:
        target = quote(encoded, safe="/%").encode()
    elif sort < 0.7:
        target = "".join(f"%{byte:02X}" for byte in encoded[:3000]).encode()
    elif sort < 0.9:
        target = quote(encoded, safe="/%?#;&=@:\\").encode()
    else:
        target = encoded + choices.choice(_RAW)
    return NamedFile(choices.choice(_METHODS), target, "")


class NamingService:
    """A service with one session, below `root`, where nothing but the session's files may come
    to be.
    """

    def __init__(self, service: LiveService, root: Path) -> None:
        self._address = (urlsplit(service.url).hostname, urlsplit(service.url).port)
        self._root = root
        _, created = self._ask("POST", "/v1/sessions", b"{}")
        self._session: str = json.loads(created)["id"]
        self._files = f"/v1/sessions/{self._session}/files"

    def _ask(
        self, method: str, target: str | bytes, body: bytes = b"", prefer: str = ""
    ) -> tuple[HTTPResponse, bytes]:
        """The answer, which says by itself how long it is."""
        place = target.encode() if isinstance(target, str) else target
        head = b"%b %b HTTP/1.1\r\nHost: localhost\r\n" % (method.encode(), place)
        fields = {"Content-Length": len(body), "Connection": "close"}
        if method == "POST":
            fields["Content-Type"] = "application/json"
        if prefer:
            fields["Prefer"] = prefer
        head += "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode()
        with socket.create_connection(self._address, PATIENCE_SECONDS) as connection:
            connection.sendall(head + b"\r\n" + body)
            with HTTPResponse(connection, method=method) as response:
                response.begin()
                return response, response.read()

    def fault_of(self, named: NamedFile) -> str | None:
        """What is wrong with how a name was taken, if anything is."""
        try:
            fault = self._fault_of_path(named) if named.method else self._fault_of_runs(named.name)
        except (OSError, HTTPException, ValueError, LookupError) as error:
            fault = f"{type(error).__name__}: {error}"
        return f"{fault} for {_shown(named)}" if fault else None

    def _fault_of_path(self, named: NamedFile) -> str | None:
        target = self._files.encode() + b"/" + named.target
        response, body = self._ask(named.method, target, _MARK)
        if fault := _fault_of_answer(response, body, named.method):
            return fault
        if named.method != "PUT" or response.status not in (201, 204):
            return None
        got, contents = self._ask("GET", target)
        if got.status != 200 or contents != _MARK:
            return f"{got.status} {contents[:100]!r} in the place of what was written"
        if fault := self._fault_of_list(self._files):
            return fault
        removed, _ = self._ask("DELETE", target)
        return None if removed.status == 204 else f"{removed.status} to the removal"

    def _fault_of_list(self, files: str) -> str | None:
        """All that is listed can be read, but for names that are not UTF-8."""
        _, listed = self._ask("GET", files)
        paths: list[str] = [each["path"] for each in json.loads(listed)["files"]]
        for path in paths:
            got, contents = self._ask("GET", f"{files}/{quote(path)}")
            if (got.status, contents) != (200, _MARK) and "\\x" not in path:
                return f"{got.status} {contents[:100]!r} in the place of {path[:200]!r}"
        return None

    def _fault_of_runs(self, name: str) -> str | None:
        """The name of a file that a run is given, and of one that it makes and that is kept."""
        given = {"code": _READING, "inputs": {"name": name}, "files": {name: {"text": "x"}}}
        answer, body = self._ask("POST", "/v1/run", json.dumps(given).encode())
        if fault := _fault_of_answer(answer, body, "POST"):
            return fault
        if answer.status == 200 and json.loads(body)["value"]["json"] != "x":
            return f"{body[:300]!r} for a file that was given"
        made = {"code": _MAKING, "inputs": {"name": name}, "keep_files": True}
        answer, body = self._ask("POST", "/v1/run", json.dumps(made).encode(), "respond-async")
        if answer.status != 202:
            return _fault_of_answer(answer, body, "POST")
        place = answer.headers["location"]
        while json.loads(body)["state"] in ("waiting", "running"):
            _, body = self._ask("GET", place, prefer="wait=30")
        if json.loads(body)["state"] != "ended":
            return f"a run of which came {body[:300]!r}"
        fault = self._fault_of_list(f"{place}/files")
        self._ask("DELETE", place)
        return fault

    def escaped(self) -> list[str]:
        """What is where no client may put anything."""
        own = [self._root / "data-state" / "sessions" / self._session]
        places = [self._root, self._root.parent, Path("/tmp"), Path("/etc"), Path("/")]
        found = [str(place / _ESCAPED) for place in places if (place / _ESCAPED).exists()]
        for path in self._root.rglob("*"):
            if any(each in path.parents and path != each for each in own):
                continue
            if _ESCAPED in path.name or (path.is_file() and path.read_bytes() == _MARK):
                found.append(str(path))
        return found


@contextmanager
def naming_service(root: Path) -> Generator[NamingService]:
    with live_service(root / "data", "--no-key") as service:
        yield NamingService(service, root)


def _fault_of_answer(answer: HTTPResponse, body: bytes, method: str) -> str | None:
    """A request line that no parser takes never comes to the service."""
    if answer.status < 300:
        return None
    kind = answer.headers.get("content-type", "")
    if answer.status == 400 and kind.startswith("text/plain"):
        return None if body in (b"", b"Invalid HTTP request received.") else f"{body[:300]!r}"
    if answer.status >= 500 or kind != _PROBLEM:
        return f"{answer.status} {kind} {body[:300]!r}"
    return None if method == "HEAD" or json.loads(body)["code"] else f"{body[:300]!r}"


def _shown(named: NamedFile) -> str:
    return f"{named.method} {named.target[:300]!r}" if named.method else f"{named.name[:300]!r}"
