"""What an allowed call gets: the least of what server, grant, profiles and sections allow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from hermetic.errors import InvalidInput, PolicyDenied
from hermetic.grants import Grant
from hermetic.policy.decisions import Allowance, ImportRules, PackageRules, SessionRules
from hermetic.policy.document import Imports, Packages, Sandbox, Sessions
from hermetic.policy.rules import Policy
from hermetic_runtime.limits import Limits
from hermetic_runtime.packages.settings import PackageSettings

LIMIT_NAMES = tuple(field.name for field in fields(Limits))
_SESSIONS = ("most", "workspace_bytes", "keep_seconds")


@lru_cache(maxsize=512)
def effective_allowance(
    policy: Policy, tool: str, grant: Grant, server: Limits | None = None
) -> Allowance:
    """For a tool and a grant. Layers only narrow: what one of them leaves out, another can't
    give back, and of two lists of patterns what both allow is left.
    """
    narrowing = _Narrowing()
    if server is not None:
        narrowing.limit_all(server, "the server's limits")
    narrowing.limit_all(grant.limits, f"the limits of grant {grant.name}")
    for label, sandbox in _layers(policy, tool, grant):
        narrowing.apply(sandbox, label)
    return narrowing.allowance()


def narrow(allowance: Allowance, requested: Mapping[str, Any]) -> Limits:
    """The limits of the allowance, with those that a caller asks for.

    Raises `InvalidInput` for values that no limit can have, and `PolicyDenied`, with the
    rule that capped the limit, for more than is allowed.
    """
    if not requested:
        return allowance.limits
    if unknown := requested.keys() - set(LIMIT_NAMES):
        raise InvalidInput(
            f"there is no limit {sorted(unknown)[0][:60]!r}",
            hint=f"There are: {', '.join(sorted(LIMIT_NAMES))}.",
        )
    asked = replace(allowance.limits, **requested)
    for name in requested:
        value, most = getattr(asked, name), getattr(allowance.limits, name)
        if most is not None and (value is None or value > most):
            rule = allowance.caps.get(name, "limits")
            wanted = "unmetered" if value is None else f"{value:,}"
            raise PolicyDenied(
                f"limit {name} is {wanted}, more than the {most:,} that policy allows ({rule})",
                rule=rule,
                hint="Ask for less, or leave the limit out to get what is allowed.",
            )
    return asked


def package_settings(allowance: Allowance) -> PackageSettings:
    """What packages may be resolved, for which interpreters."""
    return PackageSettings(rules=allowance.packages, interpreters=allowance.interpreters)


def with_session_rules(allowance: Allowance) -> Allowance:
    """The same for a session, whose workspace is what bounds its disk."""
    most = allowance.sessions.workspace_bytes
    if most is None or most >= allowance.limits.disk_bytes:
        return allowance
    caps = {**allowance.caps, "disk_bytes": allowance.caps["sessions.workspace_bytes"]}
    return replace(allowance, limits=replace(allowance.limits, disk_bytes=most), caps=caps)


def _layers(policy: Policy, tool: str, grant: Grant) -> Iterator[tuple[str, Sandbox]]:
    """All sections that bound a call, each after its profile, with where they stand."""
    section = policy.section_of(grant.id, grant.name)
    for part in (policy.top, section):
        if part is None:
            continue
        prefix = f"{part.label}." if part.label else ""
        places = [(f"{prefix}sandbox", part.sandbox)]
        places += [
            (f"{prefix}tools.{name}.sandbox", part.tool_sandboxes.get(name)) for name in ("*", tool)
        ]
        for label, sandbox in places:
            if sandbox is None:
                continue
            if sandbox.profile is not None:
                profile = policy.profiles[sandbox.profile]
                yield f"{label}.profile ({sandbox.profile})", profile
            yield label, sandbox


@dataclass(slots=True)
class _Narrowing:
    """The least of all layers so far. `caps` are as those of an allowance."""

    caps: dict[str, str] = field(default_factory=dict[str, str])
    limits: dict[str, Any] = field(default_factory=dict[str, Any])
    interpreters: tuple[str, ...] = Allowance().interpreters
    packages: PackageRules = field(default_factory=PackageRules)
    indexes: frozenset[str] | None = None
    imports: ImportRules = field(default_factory=ImportRules)
    sessions: SessionRules = field(default_factory=SessionRules)

    def limit_all(self, limits: Limits, label: str) -> None:
        for name in LIMIT_NAMES:
            self._least(self.limits, name, getattr(limits, name), label)

    def apply(self, sandbox: Sandbox, label: str) -> None:
        if sandbox.limits is not None:
            for name in LIMIT_NAMES:
                self._least(self.limits, name, getattr(sandbox.limits, name), label)
        if sandbox.interpreters is not None:
            left = tuple(name for name in self.interpreters if name in sandbox.interpreters)
            self._set("interpreters", self.interpreters, left, label)
            self.interpreters = left
        if sandbox.packages is not None:
            self._apply_packages(sandbox.packages, label)
        if sandbox.imports is not None:
            self._apply_imports(sandbox.imports, label)
        if sandbox.sessions is not None:
            self._apply_sessions(sandbox.sessions, label)

    def allowance(self) -> Allowance:
        indexes = tuple(sorted(self.indexes or ()))
        return Allowance(
            limits=Limits(**self.limits),
            interpreters=self.interpreters,
            packages=replace(self.packages, indexes=indexes),
            imports=self.imports,
            sessions=self.sessions,
            caps=self.caps,
        )

    def _apply_packages(self, given: Packages, label: str) -> None:
        now = self.packages
        allow = _both(now.allow, _normalised(given.allow))
        deny = _either(now.deny, _normalised(given.deny))
        native = now.native_code and given.native_code is not False
        newer = now.exclude_newer_seconds
        if given.exclude_newer is not None and (newer is None or given.exclude_newer > newer):
            newer = given.exclude_newer
        self._set("packages.allow", now.allow, allow, label)
        self._set("packages.deny", now.deny, deny, label)
        self._set("packages.native_code", now.native_code, native, label)
        self._set("packages.exclude_newer_seconds", now.exclude_newer_seconds, newer, label)
        if given.indexes is not None:
            listed = frozenset(given.indexes)
            self.indexes = listed if self.indexes is None else self.indexes & listed
        self.packages = replace(
            now, allow=allow, deny=deny, native_code=native, exclude_newer_seconds=newer
        )

    def _apply_imports(self, given: Imports, label: str) -> None:
        now = self.imports
        allow, deny = _both(now.allow, given.allow), _either(now.deny, given.deny)
        self._set("imports.allow", now.allow, allow, label)
        self._set("imports.deny", now.deny, deny, label)
        self.imports = ImportRules(allow=allow, deny=deny)

    def _apply_sessions(self, given: Sessions, label: str) -> None:
        now = {name: getattr(self.sessions, name) for name in _SESSIONS}
        least = dict(now)
        for name in _SESSIONS:
            value = getattr(given, name)
            if value is not None and (now[name] is None or value < now[name]):
                least[name] = value
                self.caps[f"sessions.{name}"] = label
        self.sessions = SessionRules(**least)

    def _least(self, limits: dict[str, Any], name: str, value: Any, label: str) -> None:
        if name not in limits:
            limits[name] = None
        if value is not None and (limits[name] is None or value < limits[name]):
            limits[name] = value
            self.caps[name] = label

    def _set(self, name: str, before: object, after: object, label: str) -> None:
        if before != after:
            self.caps[name] = label


def _both(one: tuple[str, ...], other: Iterable[str] | None) -> tuple[str, ...]:
    """Patterns of each list that one of the other covers: what they share, or less.

    `*` is the only wildcard, so a pattern that matches another one, taken as a text,
    matches all that the other matches.
    """
    if other is None:
        return one
    listed = tuple(other)
    kept = [pattern for pattern in one if any(fnmatchcase(pattern, wide) for wide in listed)]
    kept += [pattern for pattern in listed if any(fnmatchcase(pattern, wide) for wide in one)]
    return tuple(dict.fromkeys(kept))


def _normalised(patterns: Iterable[str] | None) -> list[str] | None:
    """As the names of packages are (PEP 503), so that patterns of two layers can be compared."""
    if patterns is None:
        return None
    return [re.sub(r"[-_.]+", "-", pattern).lower() for pattern in patterns]


def _either(one: tuple[str, ...], other: Iterable[str] | None) -> tuple[str, ...]:
    return one if other is None else tuple(dict.fromkeys((*one, *other)))
