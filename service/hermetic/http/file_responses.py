"""A file as a response: whole, in part (RFC 9110, one range), or not at all if it is known."""

from __future__ import annotations

import asyncio
import os
import re
from email.utils import formatdate
from typing import BinaryIO

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hermetic.errors import InvalidInput
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
        raise InvalidInput("the path is not UTF-8") from None


def _unquoted(text: bytes) -> bytes:
    return re.sub(rb"%([0-9a-fA-F]{2})", lambda found: bytes([int(found[1], 16)]), text)


class OpenFile(Response):
    """Sends a file that stays as it is while it is open, and closes it.

    Raises `RangeNotSatisfiable`.
    """

    media_type = "application/octet-stream"

    def __init__(self, file: BinaryIO, asked: Headers) -> None:
        status = os.fstat(file.fileno())
        self._file = file
        tag = entity_tag(status)
        headers = {
            "ETag": tag,
            "Last-Modified": formatdate(status.st_mtime, usegmt=True),
            "Accept-Ranges": "bytes",
            "Content-Disposition": "attachment",
            "Cache-Control": "private, no-cache",
        }
        self._start, self._end = 0, status.st_size
        if _names(asked.get("if-none-match", ""), tag):
            super().__init__(status_code=304, headers=headers)
            del self.headers["content-length"]
            self._end = 0
            return
        part = None
        if asked.get("if-range", tag) == tag:
            try:
                part = asked_range(asked.get("range", ""), status.st_size)
            except RangeNotSatisfiable:
                file.close()
                raise
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


def entity_tag(status: os.stat_result) -> str:
    """Files are replaced and never changed, so a file's number and time tell its contents."""
    return f'"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"'


def _names(tags: str, tag: str) -> bool:
    return any(each.strip().removeprefix("W/") in (tag, "*") for each in tags.split(","))


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
