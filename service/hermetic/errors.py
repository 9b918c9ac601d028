"""All errors that a caller meets: those of the runtime, and those of the doors.

The tree's root is `hermetic_wasm.errors.HermeticError`.
"""

from __future__ import annotations

from hermetic_runtime.errors import (
    Contradiction,
    GuestMisbehaved,
    HermeticError,
    ImageError,
    InstallError,
    InvalidInput,
    InvalidName,
    InvalidRequirement,
    InvalidScript,
    LinkError,
    MalformedModule,
    NameTaken,
    NoMoreProcesses,
    PackageDenied,
    PreparationError,
    SandboxClosed,
    SandboxCrashed,
    SessionBaseMissing,
    SessionBusy,
    SessionDamaged,
    SessionNotFound,
)

__all__ = [
    "ApprovalRequired",
    "ApprovalSettled",
    "AuditUnavailable",
    "BodyTooLarge",
    "BodyTooSlow",
    "Contradiction",
    "CountersUnavailable",
    "GuestMisbehaved",
    "HermeticError",
    "IdempotencyConflict",
    "ImageError",
    "InstallError",
    "InvalidInput",
    "InvalidName",
    "InvalidRequirement",
    "InvalidScript",
    "LinkError",
    "MalformedBody",
    "MalformedModule",
    "NameTaken",
    "NoMoreProcesses",
    "NotAllowed",
    "PackageDenied",
    "PolicyDenied",
    "PolicyError",
    "PreparationError",
    "QueueFull",
    "SandboxClosed",
    "SandboxCrashed",
    "ServiceStopping",
    "SessionBaseMissing",
    "SessionBusy",
    "SessionDamaged",
    "SessionNotFound",
    "StorageError",
    "TooManyConnections",
    "TooManyMcpSessions",
    "TryAgain",
    "Unauthenticated",
    "UnknownApproval",
    "UnknownEnvironment",
    "UnknownFile",
    "UnknownKey",
    "UnknownRun",
    "UnsupportedMediaType",
]

_STORAGE_HINT = (
    "Look whether the disk is full, and whether the user of the service may write there."
)


class BodyTooLarge(HermeticError):
    """The body of a request is larger than the service takes."""

    code = "body_too_large"


class BodyTooSlow(HermeticError):
    """The body of a request stopped coming."""

    code = "body_too_slow"


class IdempotencyConflict(HermeticError):
    """An idempotency key was used before, for another request."""

    code = "idempotency_conflict"


class MalformedBody(HermeticError):
    """The body of a request is not JSON, or not of the form that is asked for."""

    code = "malformed_body"

    def __init__(
        self, message: str, *, hint: str | None = None, places: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """`places` are (JSON pointer, what is wrong there)."""
        super().__init__(message, hint=hint)
        self.places = places


class NotAllowed(HermeticError):
    """The grant, or the place that a request comes from, may not do this."""

    code = "not_allowed"


class TryAgain(HermeticError):
    """A refusal that passes. `retry_after_seconds` says when to try again."""

    def __init__(self, message: str, *, retry_after_seconds: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_seconds = retry_after_seconds


class TooManyConnections(TryAgain):
    """As many connections are open as may be."""

    code = "too_many_connections"


class TooManyMcpSessions(TryAgain):
    """The key has as many sessions of MCP's own as it may have."""

    code = "too_many_mcp_sessions"


class QueueFull(TryAgain):
    """As many runs wait as may wait."""

    code = "queue_full"


class ServiceStopping(TryAgain):
    """The service is being stopped and takes no more runs."""

    code = "service_stopping"


class PolicyError(InvalidInput):
    """A policy file is not a policy. The message names file, line and path."""

    code = "policy_invalid"


class PolicyDenied(HermeticError):
    """Policy refuses this call. `rule` decided it.

    `retry_after_seconds` is when the same call may pass, where time alone decides that.
    """

    code = "denied"
    retry_after_seconds: int | None = None

    def __init__(
        self,
        message: str,
        *,
        rule: str,
        retry_after_seconds: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.rule = rule
        self.retry_after_seconds = retry_after_seconds


class ApprovalRequired(HermeticError):
    """A person has to approve this call first. `approval` is the id of the question."""

    code = "approval_required"

    def __init__(self, message: str, *, approval: str, rule: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.approval = approval
        self.rule = rule


class ApprovalSettled(InvalidInput):
    """The approval was decided before, was used, or has expired."""

    code = "approval_settled"


class UnknownApproval(InvalidInput):
    """There is no approval with this id."""

    code = "unknown_approval"


class CountersUnavailable(HermeticError):
    """The store of policy's counters can't be reached, so every counted call is refused."""

    code = "counters_unavailable"


class StorageError(HermeticError):
    """What the service keeps on disk can't be read or written."""

    code = "storage"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint or _STORAGE_HINT)


class AuditUnavailable(StorageError):
    """The audit log can't be written, so every call is refused."""

    code = "audit_unavailable"


class Unauthenticated(HermeticError):
    """No key was given, or one that is not valid."""

    code = "unauthenticated"


class UnknownEnvironment(HermeticError):
    """There is no such environment, or it was asked for by another grant."""

    code = "unknown_environment"


class UnknownFile(HermeticError):
    """There is no such upload, or it belongs to another grant, or it has expired."""

    code = "unknown_file"


class UnknownKey(InvalidInput):
    """There is no key with this id."""

    code = "unknown_key"


class UnknownRun(HermeticError):
    """There is no such run, or it belongs to another grant, or its result has expired."""

    code = "unknown_run"


class UnsupportedMediaType(HermeticError):
    """The body of a request is not declared to be JSON."""

    code = "unsupported_media_type"
