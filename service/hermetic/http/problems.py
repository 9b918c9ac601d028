"""Errors as responses: problem details (RFC 9457) with our codes."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from starlette.responses import Response

from hermetic.errors import (
    ApprovalRequired,
    AuditUnavailable,
    BodyTooLarge,
    BodyTooSlow,
    CountersUnavailable,
    HermeticError,
    IdempotencyConflict,
    InstallError,
    InvalidInput,
    MalformedBody,
    NotAllowed,
    PackageDenied,
    PolicyDenied,
    QueueFull,
    ServiceStopping,
    SessionBaseMissing,
    SessionBusy,
    SessionDamaged,
    SessionNotFound,
    TooManyConnections,
    TooManyMcpSessions,
    TryAgain,
    Unauthenticated,
    UnknownEnvironment,
    UnknownFile,
    UnknownRun,
    UnsupportedMediaType,
)

PROBLEM_TYPE = "application/problem+json"
_STATUSES: tuple[tuple[type[HermeticError], int], ...] = (
    (MalformedBody, 400),
    (Unauthenticated, 401),
    (NotAllowed, 403),
    (UnknownRun, 404),
    (UnknownFile, 404),
    (UnknownEnvironment, 404),
    (SessionNotFound, 404),
    (SessionBusy, 409),
    (SessionBaseMissing, 409),
    (SessionDamaged, 409),
    (BodyTooSlow, 408),
    (BodyTooLarge, 413),
    (UnsupportedMediaType, 415),
    (IdempotencyConflict, 422),
    (PackageDenied, 403),
    (InstallError, 422),
    (InvalidInput, 422),
    (QueueFull, 429),
    (TooManyMcpSessions, 429),
    (TooManyConnections, 503),
    (ServiceStopping, 503),
    (CountersUnavailable, 503),
    (AuditUnavailable, 503),
    (ApprovalRequired, 202),
    (PolicyDenied, 403),
)
_TITLES = {
    202: "Waits for an approval",
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    409: "Not possible now",
    412: "Condition not met",
    413: "Body too large",
    415: "Unsupported media type",
    416: "No such range",
    422: "Can't be run",
    429: "Too many calls",
    431: "Head too large",
    500: "Internal error",
    503: "Service not available",
}


class NoSuchPlace(HermeticError):
    """There is nothing at this path."""

    code = "not_found"


class MethodNotAllowed(HermeticError):
    """The path exists, but does not take this method."""

    code = "method_not_allowed"


class MalformedRequest(HermeticError):
    """The head of a request can be understood in more than one way."""

    code = "malformed_request"


class HeadTooSlow(HermeticError):
    """The head of a request did not come whole in time."""

    code = "head_too_slow"


class HeadTooLarge(HermeticError):
    """The head of a request is larger than the service takes."""

    code = "head_too_large"


class PreconditionFailed(HermeticError):
    """A change is asked for on a condition that does not hold."""

    code = "precondition_failed"


class RangeNotSatisfiable(HermeticError):
    """A part of a file is asked for that it does not have. `size` is the file's, in bytes."""

    code = "range_not_satisfiable"

    def __init__(self, message: str, *, size: int) -> None:
        super().__init__(message)
        self.size = size


class ServiceFault(HermeticError):
    """The service itself failed. Its log says why."""

    code = "internal"

    def __init__(
        self,
        message: str = "the service failed",
        *,
        hint: str | None = "Its log says why, under the request's X-Request-Id.",
    ) -> None:
        super().__init__(message, hint=hint)


def status_of(error: HermeticError) -> int:
    """The HTTP status of an error; 500 for what is our fault."""
    if isinstance(error, NoSuchPlace):
        return 404
    if isinstance(error, MethodNotAllowed):
        return 405
    if isinstance(error, MalformedRequest):
        return 400
    if isinstance(error, HeadTooSlow):
        return 408
    if isinstance(error, HeadTooLarge):
        return 431
    if isinstance(error, PreconditionFailed):
        return 412
    if isinstance(error, RangeNotSatisfiable):
        return 416
    if isinstance(error, PolicyDenied) and error.retry_after_seconds is not None:
        return 429
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


class ProblemKind(NamedTuple):
    """What a `code` means, in a sentence, and the HTTP status that it comes with."""

    code: str
    status: int
    meaning: str


def problem_kinds() -> list[ProblemKind]:
    """Of all errors that are known now, by code."""
    found: dict[str, ProblemKind] = {}
    waiting: list[type[HermeticError]] = [HermeticError]
    while waiting:
        kind = waiting.pop(0)
        waiting += kind.__subclasses__()
        if "code" in vars(kind) and kind is not HermeticError:
            status = status_of(kind.__new__(kind))
            meaning = " ".join((kind.__doc__ or "").partition("\n\n")[0].split())
            found.setdefault(kind.code, ProblemKind(kind.code, status, meaning.replace("`", "")))
    return [found[code] for code in sorted(found)]


def problem_fields(error: HermeticError) -> dict[str, Any]:
    """The body. Faults of ours tell their code, and nothing of what is inside."""
    status = status_of(error)
    fields: dict[str, Any] = {
        "type": f"/docs#error-{error.code}",
        "title": _TITLES[status],
        "status": status,
        "detail": error.message,
        "code": error.code,
    }
    if error.hint:
        fields["hint"] = error.hint
    if isinstance(error, PolicyDenied | ApprovalRequired):
        fields["rule"] = error.rule
    if isinstance(error, ApprovalRequired):
        fields["approval"] = error.approval
    if isinstance(error, MalformedBody) and error.places:
        fields["errors"] = [{"pointer": place, "detail": what} for place, what in error.places]
    return fields


def problem_response(error: HermeticError) -> Response:
    """An error as a response, with the headers that belong to it."""
    headers: dict[str, str] = {}
    if isinstance(error, PolicyDenied) and error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, TryAgain):
        headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, BodyTooSlow):
        headers["Connection"] = "close"
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="hermetic"'
    if isinstance(error, RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.size}"
    body = json.dumps(problem_fields(error)).encode("ascii")
    return Response(body, status_of(error), headers, media_type=PROBLEM_TYPE)
