"""What may be installed, whoever asks for it. Quick to import."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hermetic_runtime.errors import PackageDenied

NATIVE_CODE = "packages.native_code"
"""The rule that refuses native code."""

_NORMALISED = str.maketrans("_.", "--")
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRules:
    """What may be installed. Patterns are globs over normalised names (PEP 503).

    A name is allowed when it matches one of `allow` and none of `deny`. `indexes` are URLs
    beside the default one that a script may name. `exclude_newer_seconds`: uploads that are
    younger do not exist. Without `native_code`, no package brings machine code of its own.
    """

    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    native_code: bool = True
    exclude_newer_seconds: float | None = None

    def check_names(self, names: Iterable[str]) -> None:
        """Raises `PackageDenied` for the first that may not be installed."""
        if self.allow == ("*",) and not self.deny:
            return
        from fnmatch import fnmatchcase  # slow to import, and seldom needed

        def matching(patterns: Iterable[str], name: str) -> str | None:
            return next((it for it in patterns if fnmatchcase(name, _normalised(it))), None)

        for stated in sorted(names):
            name = _normalised(stated)
            if (pattern := matching(self.deny, name)) is not None:
                raise PackageDenied(
                    f"policy refuses the package {name}: it is denied by {pattern!r}",
                    rule=f"packages.deny {pattern}",
                    hint="Do without it; no other version is allowed either.",
                )
            if matching(self.allow, name) is None:
                allowed = ", ".join(self.allow[:_MOST_NAMED]) or "none"
                more = ", …" if len(self.allow) > _MOST_NAMED else ""
                raise PackageDenied(
                    f"policy refuses the package {name}: it is not one of those allowed",
                    rule="packages.allow",
                    hint=f"These are allowed: {allowed}{more}.",
                )

    def check_files(self, files: Mapping[str, str]) -> None:
        """Of the wheels that were chosen: file names by the names of their packages.

        Raises `PackageDenied` for one that was built for a platform, unless it may be.
        """
        if self.native_code:
            return
        for name, file in sorted(files.items()):
            if not file.removesuffix(".whl").endswith("-any"):
                raise _native(name, file)

    def check_extension_modules(self, paths: Iterable[str]) -> None:
        """Of what was found in wheels, whatever they say of themselves.

        Raises `PackageDenied` when there are any and may not be.
        """
        first = min(paths, default=None)
        if first is not None and not self.native_code:
            raise _native(first.partition("/")[0], first)

    def check_indexes(self, urls: Iterable[str]) -> None:
        """Raises `PackageDenied` for a place that packages may not come from."""
        allowed = {url.rstrip("/") for url in self.indexes}
        for url in urls:
            if url.rstrip("/") not in allowed:
                raise PackageDenied(
                    f"policy refuses the package index {url}",
                    rule="packages.indexes",
                    hint="Leave it out of [tool.uv] of the script.",
                )


def _normalised(name: str) -> str:
    name = name.lower().translate(_NORMALISED)
    while "--" in name:
        name = name.replace("--", "-")
    return name


def _native(name: str, file: str) -> PackageDenied:
    return PackageDenied(
        f"policy refuses the package {name}: {file} holds native code",
        rule=NATIVE_CODE,
        hint="Packages in pure Python are allowed.",
    )
