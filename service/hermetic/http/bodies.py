"""The body of a request: bounded while it streams in, and checked."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request

from hermetic.errors import BodyTooLarge, MalformedBody, UnsupportedMediaType
from hermetic.http.schemas import RunBody

_MOST_PLACES = 10


async def read_body(request: Request, most: int) -> bytes:
    """Raises `BodyTooLarge` as soon as that is known, `UnsupportedMediaType`, and
    `MalformedBody` for a caller that is gone.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType(
            "the body must be JSON", hint="Send the header Content-Type: application/json."
        )
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > most:
        raise _too_large(most)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                raise _too_large(most)
    except ClientDisconnect:
        raise MalformedBody("the body was cut off") from None
    return bytes(body)


def _too_large(most: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body has more than {most:,} bytes")


def parse_run(body: bytes) -> RunBody:
    """Raises `MalformedBody`, with the places that are wrong but not what is there."""
    try:
        given = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "it can't be read"
        raise MalformedBody(f"the body is not JSON: {reason}") from None
    try:
        return RunBody.model_validate(given)
    except ValidationError as error:
        places = tuple(
            (_pointer(each["loc"]), each["msg"])
            for each in error.errors(include_url=False, include_context=False, include_input=False)
        )
        where, what = places[0]
        raise MalformedBody(
            f"the body is not a run: {where or 'the body'}: {what}", places=places[:_MOST_PLACES]
        ) from None


def _pointer(place: tuple[Any, ...]) -> str:
    """RFC 6901."""
    return "".join("/" + str(part)[:100].replace("~", "~0").replace("/", "~1") for part in place)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
