"""Whose request this is."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from hermetic.errors import NotAllowed, Unauthenticated
from hermetic.grants import LOCAL, Grant

Authenticate = Callable[[Mapping[str, str]], Grant]
"""From a request's headers (names in lower case) to its grant.

Raises `Unauthenticated` and `NotAllowed`.
"""


def by_key(verify: Callable[[str], Grant]) -> Authenticate:
    """Every request names a key: `Authorization: Bearer hk_…`."""

    def authenticate(headers: Mapping[str, str]) -> Grant:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise Unauthenticated(
                "a key is needed", hint="Send the header Authorization: Bearer KEY."
            )
        return verify(key.strip())

    return authenticate


def local_without_key(headers: Mapping[str, str]) -> Grant:
    """Anybody on this machine, but no web page: one could reach this through a name that
    leads to loopback, or by sending a form.
    """
    host = headers.get("host", "")
    if not is_loopback(urlsplit(f"//{host}").hostname or ""):
        raise NotAllowed(
            "without keys, requests must be made to localhost",
            hint="Call it by that name, or start the service without --no-key.",
        )
    origin = headers.get("origin")
    if origin is not None and not is_loopback(urlsplit(origin).hostname or ""):
        raise NotAllowed(
            "without keys, web pages of other hosts may not make requests",
            hint="Start the service without --no-key, and send a key.",
        )
    return LOCAL


@lru_cache(maxsize=16)
def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
