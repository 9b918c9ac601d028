"""The body of a request: bounded while it streams in, and checked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, BinaryIO, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from hermetic.errors import BodyTooLarge, MalformedBody, UnsupportedMediaType
from hermetic.http.schemas import RunBody

B = TypeVar("B", bound=BaseModel)
_MOST_PLACES = 10
_PIECE_BYTES = 1024 * 1024


async def read_body(request: Request, most: int) -> bytes:
    """Raises `BodyTooLarge` as soon as that is known, `UnsupportedMediaType`, and
    `MalformedBody` for a caller that is gone.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType(
            "the body must be JSON", hint="Send the header Content-Type: application/json."
        )
    body = bytearray()
    async for piece in _pieces(request, most):
        body += piece
    return bytes(body)


async def read_file(request: Request, most: int, file: BinaryIO) -> None:
    """The body, whatever it is, into `file`. Raises as `read_body` does."""
    waiting = bytearray()
    async for piece in _pieces(request, most):
        waiting += piece
        if len(waiting) >= _PIECE_BYTES:
            await asyncio.to_thread(file.write, bytes(waiting))
            waiting.clear()
    await asyncio.to_thread(file.write, bytes(waiting))


async def _pieces(request: Request, most: int) -> AsyncIterator[bytes]:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > most:
        raise _too_large(most)
    size = 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if size > most:
                raise _too_large(most)
            yield piece
    except ClientDisconnect:
        raise MalformedBody("the body was cut off") from None


def _too_large(most: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body has more than {most:,} bytes")


def parse_run(body: bytes) -> RunBody:
    """Raises as `parse` does."""
    return parse(RunBody, body, "a run")


def parse(kind: type[B], body: bytes, what: str) -> B:
    """Raises `MalformedBody`, with the places that are wrong but not what is there."""
    try:
        given = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "it can't be read"
        raise MalformedBody(f"the body is not JSON: {reason}") from None
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        places = tuple(
            (_pointer(each["loc"]), each["msg"])
            for each in error.errors(include_url=False, include_context=False, include_input=False)
        )
        where, wrong = places[0]
        raise MalformedBody(
            f"the body is not {what}: {where or 'the body'}: {wrong}", places=places[:_MOST_PLACES]
        ) from None


def _pointer(place: tuple[Any, ...]) -> str:
    """RFC 6901."""
    return "".join("/" + str(part)[:100].replace("~", "~0").replace("/", "~1") for part in place)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
