"""Locks: the exact wheels that were chosen, with their hashes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from hermetic_runtime.errors import InstallError
from hermetic_runtime.packages.record_forms import set_name

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, order=True)
class LockedWheel:
    """`name` is normalised, `sha256` hexadecimal, `size_bytes` as the index says, if it does.
    `location` is a URL or an absolute path. `requested_by` names the distributions in the same
    lock that need it, and is empty for one that was asked for or is not yet installed.
    """

    name: str
    version: str
    file: str
    sha256: str
    location: str
    size_bytes: int | None = None
    requested_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lock:
    """Sorted by name."""

    wheels: tuple[LockedWheel, ...]

    def directory_name(self, identity: str) -> str:
        """Of the package set of an interpreter."""
        return set_name(identity, self.to_json())

    def to_json(self) -> list[dict[str, Any]]:
        """As `from_json` takes it."""
        return [asdict(wheel) for wheel in self.wheels]

    @classmethod
    def from_json(cls, value: Iterable[Mapping[str, Any]]) -> Lock:
        """Raises `TypeError` and `KeyError` for what `to_json` never gives."""
        wheels: list[LockedWheel] = []
        for entry in value:
            fields: dict[str, Any] = {**entry, "requested_by": tuple(entry["requested_by"])}
            wheels.append(LockedWheel(**fields))
        return cls(tuple(wheels))

    def to_pylock(self) -> str:
        """As a pylock.toml (PEP 751), which uv installs from."""
        lines = ['lock-version = "1.0"', 'created-by = "hermetic"']
        for wheel in self.wheels:
            kind = "url" if "://" in wheel.location else "path"
            hashes = f"{{ sha256 = {json.dumps(wheel.sha256)} }}"
            place = f"{kind} = {json.dumps(wheel.location)}"
            lines += [
                "",
                "[[packages]]",
                f"name = {json.dumps(wheel.name)}",
                f"version = {json.dumps(wheel.version)}",
                f"wheels = [{{ name = {json.dumps(wheel.file)}, {place}, hashes = {hashes} }}]",
            ]
        return "\n".join((*lines, ""))

    @classmethod
    def from_pylock(cls, path: Path, *, leave_out: Iterable[str] = ()) -> Lock:
        """Read what `uv pip compile --format pylock.toml` wrote, apart from the names to leave
        out. Raises `InstallError` when something in it is not a wheel with a SHA-256.
        """
        from tomllib import loads

        document = loads(path.read_text(encoding="utf-8"))
        left_out = frozenset(leave_out)
        wheels = [
            _locked_wheel(package, path.parent)
            for package in cast("list[dict[str, Any]]", document.get("packages", []))
            if package["name"] not in left_out
        ]
        return cls(tuple(sorted(wheels)))


def _locked_wheel(package: Mapping[str, Any], directory: Path) -> LockedWheel:
    found = package.get("wheels") or [package.get("archive")]
    wheel: dict[str, Any] = found[0] or {}
    location = wheel.get("url") or wheel.get("path")
    digest = wheel.get("hashes", {}).get("sha256", "")
    if not location or not _SHA256.fullmatch(digest):
        raise InstallError(
            f"{package['name']} has no wheel with a SHA-256 hash",
            hint="Take it from an index that tells the hashes of its files.",
        )
    if "url" not in wheel:
        location = str((directory / location).resolve())
    file = wheel.get("name") or unquote(urlsplit(location).path.rsplit("/", 1)[-1])
    if not file.endswith(".whl"):
        raise InstallError(
            f"{package['name']} is not a wheel: {file}",
            hint="Only wheels are installed: nothing of a package is built here.",
        )
    return LockedWheel(
        name=package["name"],
        version=str(package.get("version", "")) or file.split("-")[1],
        file=file,
        sha256=digest,
        location=location,
        size_bytes=wheel.get("size"),
    )
