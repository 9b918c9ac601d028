"""The head of a request, where it could be understood in more than one way."""

from __future__ import annotations

from starlette.types import Scope

from hermetic.http.problems import MalformedRequest

_ONCE = (
    b"host",
    b"authorization",
    b"content-type",
    b"idempotency-key",
    b"hermetic-approval",
    b"if-range",
    b"range",
)
"""Fields of which each part of a system between caller and service could take another."""


def check_head(scope: Scope) -> None:
    """Raises `MalformedRequest` for a field that is there twice, and may be only once; and
    for HTTP/1.1 without a host (RFC 9112, section 3.2).
    """
    names = [name for name, _ in scope["headers"]]
    for name in _ONCE:
        if names.count(name) > 1:
            raise MalformedRequest(f"the header {name.decode('ascii')} is there more than once")
    if b"host" not in names and scope["http_version"] == "1.1":
        raise MalformedRequest("the header host is missing")
