"""A file as a response: whole, in part (RFC 9110, one range), or not at all if it is known.

Starlette's `FileResponse` opens a path; here a file is open already, because what a path
leads to can change.
"""

from __future__ import annotations

import asyncio
import os
import re
from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hermetic.errors import InvalidInput
from hermetic.http.conditions import (
    check_conditions,
    entity_tag,
    is_known,
    last_modified,
    may_continue,
)
from hermetic.http.problems import NoSuchPlace, RangeNotSatisfiable

_PIECE_BYTES = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.IGNORECASE)


def path_in_workspace(request: Request) -> str:
    """What follows `/files/` in the request's path: a path below /workspace.

    It is taken as it was sent, so that nothing has been unfolded yet. Raises
    `InvalidInput` for one that is not UTF-8, or that hides a slash.
    """
    sent: bytes = request.scope["raw_path"]
    parts = sent.split(b"/", 5)
    if len(parts) < 6 or parts[4] != b"files":
        raise NoSuchPlace("there is nothing at this path")
    if b"%2f" in parts[5].lower():
        raise InvalidInput("a name in a path can't have a slash in it, not even as %2F")
    try:
        return _unquoted(parts[5]).decode()
    except UnicodeDecodeError:
        raise InvalidInput(
            "the path of the file is not UTF-8", hint="Encode the name as UTF-8, then with %."
        ) from None


def _unquoted(text: bytes) -> bytes:
    return re.sub(rb"%([0-9a-fA-F]{2})", lambda found: bytes([int(found[1], 16)]), text)


class OpenFile(Response):
    """Sends a file that stays as it is while it is open, and closes it.

    Raises `RangeNotSatisfiable` and `PreconditionFailed`; the file is closed then.
    """

    media_type = "application/octet-stream"

    def __init__(self, file: BinaryIO, request: Request) -> None:
        self._file = file
        self._start, self._end = 0, 0
        try:
            self._begin(os.fstat(file.fileno()), request)
        except BaseException:
            file.close()
            raise

    def _begin(self, status: os.stat_result, request: Request) -> None:
        asked = request.headers
        check_conditions(asked, status)
        headers = {
            "ETag": entity_tag(status),
            "Last-Modified": last_modified(status),
            "Accept-Ranges": "bytes",
            "Content-Disposition": "attachment",
            "Cache-Control": "private, no-cache",
        }
        if is_known(asked, status):
            super().__init__(status_code=304, headers=headers)
            del self.headers["content-length"]
            return
        self._end = status.st_size
        part = None
        if request.method == "GET" and may_continue(asked, status):
            part = asked_range(asked.get("range", ""), status.st_size)
        if part is not None:
            self._start, self._end = part
            headers["Content-Range"] = f"bytes {part[0]}-{part[1] - 1}/{status.st_size}"
        super().__init__(status_code=200 if part is None else 206, headers=headers)
        self.headers["content-length"] = str(self._end - self._start)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            left = 0 if scope["method"] == "HEAD" else self._end - self._start
            self._file.seek(self._start)
            while left > 0:
                piece = await asyncio.to_thread(self._file.read, min(left, _PIECE_BYTES))
                left -= len(piece) or left
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._file.close()


def asked_range(header: str, size: int) -> tuple[int, int] | None:
    """Start and end of the part that is asked for; None for the whole.

    What is not one range of bytes is ignored. Raises `RangeNotSatisfiable`.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or found[0].endswith("=-"):
        return None
    first, last = found[1], found[2]
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= size or start >= end:
        raise RangeNotSatisfiable(f"the file has {size:,} bytes", size=size)
    return start, end
