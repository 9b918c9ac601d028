"""What uv says when it fails, in the words of somebody who wants a script to run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from enum import StrEnum

from hermetic_runtime.errors import InstallError
from hermetic_runtime.packages.targets import Target

_MOST_CHARACTERS = 1200
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LABEL = re.compile(r"^\s*(error|cause|hint|warning|Caused by):\s*(.*)$")


class FailureKind(StrEnum):
    """Why packages could not be had."""

    UNKNOWN_NAME = "unknown_name"
    NO_WHEEL = "no_wheel"
    CONFLICT = "conflict"
    NETWORK = "network"
    HASH = "hash"
    DAMAGED = "damaged"
    DISK = "disk"
    OTHER = "other"


class ClassifiedInstallError(InstallError):
    """`name` is the distribution it is about, where there is one that can be told."""

    def __init__(
        self, kind: FailureKind, message: str, *, name: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.kind = kind
        self.name = name


_UNREACHABLE = (
    "network was disabled",
    "was not found in the cache",
    "error sending request",
    "tcp connect",
    "dns error",
    "Failed to fetch",
    "Request failed after",
    "Network connectivity is disabled",
    "operation timed out",
)
_NO_MATCH = "no usable wheels|no wheels with a matching"
_LACKING = rf"(?:all versions of )?(?P<name>[\w.-]+?)(?:[<>=!]\S*)? ha(?:s|ve) (?:{_NO_MATCH})"
_UNREADABLE = "Failed to (?:extract|unzip|read|deserialize|install)|invalid [Zz]ip|corrupt|RECORD"

_PATTERNS: tuple[tuple[FailureKind, str], ...] = (
    (FailureKind.DISK, "No space left on device|os error 28\\b|[Dd]isk quota exceeded"),
    (FailureKind.HASH, "Hash mismatch for `(?P<name>[^`=@ ]+)"),
    (FailureKind.NETWORK, "|".join(_UNREACHABLE)),
    (FailureKind.UNKNOWN_NAME, r"Because (?P<name>\S+) was not found in the package registry"),
    (FailureKind.NO_WHEEL, "Wheels are required for `(?P<name>[^`]+)`"),
    (FailureKind.NO_WHEEL, _LACKING),
    (FailureKind.NO_WHEEL, _NO_MATCH),
    (FailureKind.CONFLICT, "No solution found|unsatisfiable"),
    (FailureKind.DAMAGED, _UNREADABLE),
)


def classify(said: str, target: Target) -> ClassifiedInstallError:
    """An error out of what uv wrote to stderr. Never a traceback, never more than a screen."""
    said = _CONTROL.sub("", _ANSI.sub("", said))
    kind, name = FailureKind.OTHER, None
    for candidate, pattern in _PATTERNS:
        if found := re.search(pattern, said):
            kind, name = candidate, found.groupdict().get("name")
            break
    essential = essential_lines(said)
    match kind:
        case FailureKind.UNKNOWN_NAME:
            return ClassifiedInstallError(
                kind, f"no package is named {name}", name=name, hint="Check how it is spelt."
            )
        case FailureKind.NETWORK:
            return ClassifiedInstallError(
                kind,
                f"the package index can't be reached, and what is needed is not on this machine "
                f"yet: {essential}",
                hint="Once installed, packages need no network.",
            )
        case FailureKind.DISK:
            return ClassifiedInstallError(
                kind,
                f"the disk is full: {essential}",
                hint="Free some space: `hermetic env prune` removes package sets not in use.",
            )
        case FailureKind.HASH:
            return ClassifiedInstallError(
                kind,
                f"{name} is not what was locked: {essential}",
                name=name,
                hint="If it was published anew, --refresh resolves again. Otherwise don't trust "
                "the place that it comes from.",
            )
        case FailureKind.NO_WHEEL:
            subject = name or "what is needed"
            return ClassifiedInstallError(
                kind,
                f"{subject} has no wheel that fits {target.name}, which takes {target.accepts}",
                name=name,
            )
        case _:
            return ClassifiedInstallError(kind, _with_built_in(essential, target), name=name)


def essential_lines(said: str) -> str:
    """Uv's causes, or its error where it gives none, on one line."""
    sections: list[tuple[str, list[str]]] = []
    for line in said.splitlines():
        if labelled := _LABEL.match(line):
            sections.append((labelled[1], [labelled[2]]))
        elif sections and line.strip():
            sections[-1][1].append(line.strip())
    errors = [" ".join(text) for label, text in sections if label == "error"]
    causes = [" ".join(text) for label, text in sections if label in ("cause", "Caused by")]
    if errors and errors[0].startswith("No solution found"):
        errors = []
    text = ": ".join(errors + causes) or " ".join(said.split()) or "uv gave no reason"
    text = re.sub(r",? we can conclude that your requirements are unsatisfiable\.$", "", text)
    text = re.sub(r"^Because ", "", text)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 3]}..."


def near_names(name: str, known: Iterable[str]) -> list[str]:
    """Names that are spelt almost like it, best first."""
    return get_close_matches(name, known, n=3, cutoff=0.8)


def _with_built_in(essential: str, target: Target) -> str:
    about = [
        f"{name} {version}"
        for name, version in target.built_in.items()
        if re.search(rf"(?<![\w.-]){re.escape(name)}==", essential)
    ]
    if not about:
        return essential
    return f"{essential} ({', '.join(about)} built in, and can't be replaced)"
