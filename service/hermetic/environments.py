"""Environments that callers had built ahead: packages and snapshots, before a run needs them."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from hermetic.errors import HermeticError, NotAllowed, UnknownEnvironment
from hermetic.failures import failure_fields
from hermetic.grants import Grant
from hermetic_runtime.compilation import Metering
from hermetic_runtime.packages.kept_sets import list_sets
from hermetic_runtime.packages.requirements import parse_requirement
from hermetic_runtime.packages.stated_requirement import StatedRequirement
from hermetic_runtime.preparation import Progress
from hermetic_runtime.preparing_process import run_preparing
from hermetic_runtime.providing import (
    ProvidedEnvironment,
    WantedEnvironment,
    provide,
)

MOST_ENVIRONMENTS = 100
"""The most that one grant can have built ahead while the service runs."""
_log = logging.getLogger("hermetic.environments")


@dataclass(frozen=True, slots=True)
class BuiltEnvironment:
    """`state` is `waiting`, `building`, `ready` or `failed`; `fraction` is 0 to 1. `packages`
    are versions by name, once it is ready, and `error` code, message and hint, if it failed.
    """

    id: str
    interpreter: str
    requirements: tuple[str, ...]
    created: float
    state: str = "waiting"
    step: str = ""
    fraction: float = 0.0
    packages: dict[str, str] | None = None
    notes: tuple[str, ...] = ()
    error: dict[str, str | None] | None = None


class Environments:
    """One is built at a time. An environment of another grant is not there. Any thread may
    call; nothing here waits for a build.
    """

    def __init__(self) -> None:
        self._built: dict[tuple[str, str], BuiltEnvironment] = {}
        self._lock = threading.Lock()
        self._builder = ThreadPoolExecutor(1, thread_name_prefix="environments")

    def build(self, grant: Grant, wanted: WantedEnvironment, code: str) -> BuiltEnvironment:
        """Begin, unless it is under way. `code` imports what is to be loaded ahead.

        Raises `NotAllowed` when the grant has as many as it may, and `InvalidInput` for what
        is no requirement.
        """
        for requirement in wanted.requirements:
            parse_requirement(StatedRequirement(requirement.strip(), ""), allow_direct=True)
        text = json.dumps([wanted.interpreter, sorted(wanted.requirements), code])
        key = grant.id, f"env_{hashlib.sha256(text.encode()).hexdigest()[:24]}"
        with self._lock:
            found = self._built.get(key)
            if found is not None and found.state in ("waiting", "building"):
                return found
            if (
                found is None
                and sum(key[0] == owner for owner, _ in self._built) >= MOST_ENVIRONMENTS
            ):
                raise NotAllowed(
                    f"this key has {MOST_ENVIRONMENTS} environments, as many as it may",
                    hint="Those that there are need not be built again: GET /v1/environments.",
                )
            made = BuiltEnvironment(key[1], wanted.interpreter, wanted.requirements, time.time())
            self._built[key] = made
        self._builder.submit(self._build, key, wanted, code.encode("utf-8", "surrogatepass"))
        return made

    def list(self, grant: Grant) -> list[BuiltEnvironment]:
        """The oldest first."""
        with self._lock:
            return [each for (owner, _), each in self._built.items() if owner == grant.id]

    def find(self, grant: Grant, id: str) -> BuiltEnvironment:  # noqa: A002
        """Raises `UnknownEnvironment`."""
        with self._lock:
            found = self._built.get((grant.id, id))
        if found is None:
            raise UnknownEnvironment(
                f"there is no environment {id[:60]!r}",
                hint="It may be of another key, or the service was restarted: ask for it again.",
            )
        return found

    def _build(self, key: tuple[str, str], wanted: WantedEnvironment, source: bytes) -> None:
        def tell(progress: Progress) -> None:
            self._change(key, step=progress.step, fraction=progress.fraction)

        self._change(key, state="building")
        try:
            provided = provide(wanted, source, Metering.NONE, tell)
            if provided.unmade:
                run_preparing("snapshots", provided.snapshots_task(), tell)
            packages = _packages(provided)
        except HermeticError as error:
            self._change(key, state="failed", error=failure_fields(error))
        except Exception as error:
            _log.exception("an environment could not be built")
            self._change(key, state="failed", error=failure_fields(error))
        else:
            self._change(
                key, state="ready", fraction=1.0, packages=packages, notes=tuple(provided.notes)
            )

    def _change(self, key: tuple[str, str], **changes: object) -> None:
        with self._lock:
            self._built[key] = replace(self._built[key], **changes)  # pyright: ignore[reportArgumentType]

    def close(self) -> None:
        """Begin no more. What is under way is left to end: it is whole or not there at all."""
        self._builder.shutdown(wait=False, cancel_futures=True)


def _packages(provided: ProvidedEnvironment) -> dict[str, str]:
    directory = provided.environment.packages
    found = [each for each in list_sets() if each.directory == directory]
    return dict(found[0].distributions) if found else {}
