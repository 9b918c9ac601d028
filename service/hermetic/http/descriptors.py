"""How many descriptors the process of a service may have open."""

from __future__ import annotations

import logging
import resource

from hermetic.settings import ServiceSettings

_FOR_A_CONNECTION = 2
"""Itself, and a file that is sent or written."""
_FOR_A_GUEST = 8
_FOR_THE_REST = 512
_log = logging.getLogger("hermetic.http")


def allow_descriptors(settings: ServiceSettings) -> None:
    """Raise this process's soft limit (RLIMIT_NOFILE), often 1,024, to what connections and
    guests can come to: runs would fail where connections took all.

    Where the hard limit is lower, a line in the log says so.
    """
    guests = settings.concurrency + settings.spares + settings.live_sessions
    wanted = _FOR_A_CONNECTION * settings.connections + _FOR_A_GUEST * guests + _FOR_THE_REST
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft in range(wanted):
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        if most < wanted:
            _log.warning("few descriptors", extra={"allowed": most, "wanted": wanted})
