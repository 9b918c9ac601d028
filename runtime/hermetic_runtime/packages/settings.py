"""What the caller decides about packages, and what is asked for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from hermetic_runtime.errors import InvalidInput, PackageDenied
from hermetic_runtime.packages.package_index import ScriptIndexes, check_time
from hermetic_runtime.packages.rules import PackageRules
from hermetic_runtime.packages.stated_requirement import StatedRequirement

INTERPRETERS = ("auto", "pyodide", "wasi")

DISTRIBUTION_VARIABLE = "HERMETIC_DISTRIBUTION_URL"

_KEY_VERSION = 2
"""To be raised when what is remembered of a resolution changes."""
_INDEX_VARIABLES = (
    "UV_INDEX",
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_INDEX_STRATEGY",
    "UV_EXCLUDE_NEWER",
)
"""Those of uv's variables that decide what it chooses."""


def _distribution_url() -> str | None:
    return os.environ.get(DISTRIBUTION_VARIABLE) or None


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageSettings:
    """Raises `InvalidInput` when `exclude_newer` is not a time."""

    allow_script_index: bool = False
    """Let `[tool.uv]` of a script say where packages come from."""

    allow_direct_references: bool = False
    """Let requirements name the https URL of a wheel. Never of anything to be built."""

    distribution_url: str | None = field(default_factory=_distribution_url)
    """Where the wheels of the Pyodide distribution are served. None: they are not used."""

    exclude_newer: str | None = None
    """Packages published after this date or time (RFC 3339) don't count."""

    rules: PackageRules | None = None
    """What policy allows of what is asked for; it goes before the settings above. None: all."""

    interpreters: tuple[str, ...] = INTERPRETERS[1:]
    """Those that may be taken."""

    max_age_seconds: float | None = None
    """How old a remembered resolution may be. None: any age, until it is renewed."""

    refresh: bool = False
    """Resolve anew, whatever is remembered."""

    offline: bool = False
    """Use only what is on this machine."""

    timeout_seconds: float = 600.0
    """For each run of uv: one to resolve, one to download and install."""

    def __post_init__(self) -> None:
        if self.exclude_newer is not None:
            check_time(self.exclude_newer)

    def script_indexes(self, asked: ScriptIndexes | None) -> ScriptIndexes:
        """What a script asked for, if it may.

        Raises `InvalidInput` if it may not, `PackageDenied` if policy says so.
        """
        if asked is None:
            return ScriptIndexes()
        if self.rules is not None:
            self.rules.check_indexes((*([asked.default] if asked.default else []), *asked.more))
            return asked
        if not self.allow_script_index:
            raise InvalidInput(
                "the script says in [tool.uv] where its packages come from, which is not allowed",
                hint="Allow it with --allow-script-index, or PackageSettings(allow_script_index="
                "True), if you trust those places.",
            )
        return asked

    def interpreter(self, asked: str) -> str:
        """The one to take where nothing has to be installed; "auto" is the first that may be.

        Raises `PackageDenied` for one that may not.
        """
        self.check_interpreter(asked)
        if asked == "auto":
            return "pyodide" if "pyodide" in self.interpreters else self.interpreters[0]
        return asked

    def check_interpreter(self, asked: str) -> None:
        """Raises `PackageDenied` for one that may not be taken."""
        if not self.interpreters or asked not in ("auto", *self.interpreters):
            raise PackageDenied(
                f"policy refuses the interpreter {asked}",
                rule="interpreters",
                hint=f"Allowed: {', '.join(self.interpreters) or 'none'}.",
            )


@dataclass(frozen=True, slots=True)
class PackageRequest:
    """The requirements of one script and its caller."""

    requirements: Sequence[StatedRequirement] = ()
    interpreter: str = "auto"
    requires_python: StatedRequirement | None = None
    indexes: ScriptIndexes | None = None

    def is_empty(self) -> bool:
        """Whether there is nothing to resolve and nothing to check."""
        return not self.requirements and self.requires_python is None and self.indexes is None

    def key(self, settings: PackageSettings, texts: Sequence[str] | None = None) -> str:
        """A name for everything that decides how this resolves, apart from what is published.

        `texts` takes the place of the requirements as they were stated.
        """
        stated = texts if texts is not None else [wanted.text for wanted in self.requirements]
        parts = (
            _KEY_VERSION,
            sorted(set(stated)),
            self.interpreter,
            self.requires_python.text if self.requires_python else None,
            (self.indexes.default, self.indexes.more, self.indexes.exclude_newer)
            if self.indexes
            else None,
            settings.allow_script_index,
            settings.allow_direct_references,
            settings.distribution_url,
            settings.exclude_newer,
            settings.interpreters,
            _deciding(settings.rules) if settings.rules else None,
            [os.environ.get(name) for name in _INDEX_VARIABLES],
        )
        return sha256(repr(parts).encode("utf-8", "surrogateescape")).hexdigest()


def _deciding(rules: PackageRules) -> tuple[object, ...]:
    """Of the rules, those that something else is chosen by. Names are judged afterwards."""
    return rules.native_code, rules.exclude_newer_seconds, rules.indexes
