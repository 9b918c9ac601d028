"""The body of a request: bounded while it streams in, and checked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import BinaryIO, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from hermetic.errors import BodyTooLarge, BodyTooSlow, MalformedBody, UnsupportedMediaType
from hermetic.http.requests import service_of
from hermetic.http.schemas import RunBody
from hermetic.validation import wrong_places

B = TypeVar("B", bound=BaseModel)
HAS_COME = "hermetic.has_come"
"""Is in the scope of a request once all of it has come, so that reading it does not wait."""
_MOST_PLACES = 10
_PIECE_BYTES = 1024 * 1024


async def read_body(request: Request, most: int) -> bytes:
    """A request without a body asks for nothing in particular: `{}`.

    Raises `BodyTooLarge` as soon as that is known, `BodyTooSlow`, `UnsupportedMediaType`,
    and `MalformedBody` for a caller that is gone.
    """
    if _has_no_body(request):
        return b"{}"
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
    """The body, whatever it is but a form, into `file`. Raises as `read_body` does."""
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        raise UnsupportedMediaType(
            "the body must be the file itself, not a form with it",
            hint="With curl --data-binary @FILE or -T FILE; in Python content=, not files=.",
        )
    waiting = bytearray()
    async for piece in _pieces(request, most):
        waiting += piece
        if len(waiting) >= _PIECE_BYTES:
            await asyncio.to_thread(file.write, bytes(waiting))
            waiting.clear()
    await asyncio.to_thread(file.write, bytes(waiting))


def _has_no_body(request: Request) -> bool:
    """No length, no type, and no transfer coding."""
    headers = request.headers
    return (
        headers.get("content-length", "0") == "0"
        and "content-type" not in headers
        and "transfer-encoding" not in headers
    )


async def _pieces(request: Request, most: int) -> AsyncIterator[bytes]:
    coding = request.headers.get("content-encoding", "identity")
    if coding.strip().lower() != "identity":
        raise UnsupportedMediaType(
            f"bodies are not taken in the coding {coding[:40]!r}",
            hint="Send the body as it is, without the header Content-Encoding.",
        )
    patience = service_of(request).settings.body_wait_seconds
    receive = bounded(request.scope, request.receive, most=most, patience=patience)
    comes = True
    while comes:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise MalformedBody("the body was cut off")
        yield message.get("body", b"")
        comes = message.get("more_body", False)


def bounded(scope: Scope, receive: Receive, *, most: int, patience: float) -> Receive:
    """A `receive` that raises `BodyTooLarge`, as soon as that is known, and `BodyTooSlow`."""
    size, comes = 0, True

    async def receive_within_bounds() -> Message:
        nonlocal size, comes
        if not comes:
            return await receive()
        if not size:
            _check_declared(Headers(scope=scope), most)
        if HAS_COME in scope:
            message = await receive()
        else:
            message = await _receive_soon(receive, patience)
        size += len(message.get("body", b""))
        if size > most:
            raise _too_large(most)
        comes = message.get("more_body", False)
        return message

    return receive_within_bounds


async def _receive_soon(receive: Receive, patience: float) -> Message:
    try:
        async with asyncio.timeout(patience):
            return await receive()
    except TimeoutError:
        raise BodyTooSlow(f"nothing more of the body came for {patience:g} seconds") from None


def _check_declared(headers: Headers, most: int) -> None:
    declared = headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > most:
        raise _too_large(most)


def _too_large(most: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body has more than {most:,} bytes")


def parse_run(body: bytes) -> RunBody:
    """Raises as `parse` does."""
    return parse(RunBody, body, "a run")


def parse(kind: type[B], body: bytes, what: str) -> B:
    """Raises `MalformedBody`, with the places that are wrong but not what is there."""
    if not body:
        raise MalformedBody(f"the body is empty, and should be {what} in JSON")
    try:
        given = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "it can't be read"
        if isinstance(error, _NotJson):
            reason = str(error)
        raise MalformedBody(f"the body is not JSON: {reason}") from None
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        places = wrong_places(error, given)
        where, wrong = places[0]
        raise MalformedBody(
            f"the body is not {what}: {where or 'the body'}: {wrong}", places=places[:_MOST_PLACES]
        ) from None


class _NotJson(ValueError):
    """What Python's own reader would take."""


def _refuse(constant: str) -> None:
    raise _NotJson(f"{constant} is no number of JSON")
