"""From requirements to a lock, for one interpreter. uv does it."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from hermetic_runtime.cache import cache_directory, private_directory
from hermetic_runtime.errors import InstallError
from hermetic_runtime.packages.built_in import CONSTRAINTS, built_in_wheels
from hermetic_runtime.packages.install_errors import FailureKind, classify
from hermetic_runtime.packages.lock import Lock
from hermetic_runtime.packages.package_index import ScriptIndexes, earliest
from hermetic_runtime.packages.settings import PackageSettings
from hermetic_runtime.packages.targets import Target
from hermetic_runtime.packages.uv_process import UvFailed, run_uv

_LOCK = "pylock.resolved.toml"


@dataclass(frozen=True, slots=True)
class Resolver:
    """Resolves with one caller's settings. `indexes` are those that a script may ask for."""

    settings: PackageSettings
    indexes: ScriptIndexes

    def resolve(
        self,
        requirements: Sequence[str],
        target: Target,
        *,
        index_only: str | None = None,
        nothing_fetched: bool = False,
    ) -> Lock:
        """The wheels for an interpreter, without those that are built in.

        `index_only` is the URL of an index that is looked at before all others. With
        `nothing_fetched`, only what is built in can be chosen. Raises `InstallError`.
        """
        options: list[str] = []
        if self.settings.refresh and not self.settings.offline:
            # uv keeps what an index said for ten minutes, and this is to be asked anew.
            options.append("--refresh")
        if nothing_fetched:
            options.append("--no-index")
        if target.built_in:
            stubs = built_in_wheels(target.built_in)
            options += ["--constraints", str(stubs / CONSTRAINTS), "--find-links", str(stubs)]
            for place in os.environ.get("UV_FIND_LINKS", "").split(","):
                options += ["--find-links", place] if place else []
        newest = earliest(
            self.settings.exclude_newer, self.indexes.exclude_newer, self._newest_by_rule()
        )
        if newest is not None:
            options += ["--exclude-newer", newest]
        path = self._compile(requirements, target, options, index_only)
        try:
            return Lock.from_pylock(path, leave_out=target.built_in)
        finally:
            path.unlink()
            path.parent.rmdir()

    def _newest_by_rule(self) -> str | None:
        rules = self.settings.rules
        if rules is None or rules.exclude_newer_seconds is None:
            return None
        moment = max(time.time() - rules.exclude_newer_seconds, 0.0)
        return datetime.fromtimestamp(int(moment), UTC).isoformat()

    def published(self, name: str, target: Target) -> list[str]:
        """File names of all wheels of the newest version of a distribution that has any,
        for whatever platform. Empty when there are only sources, or when it can't be told.
        """
        from tomllib import loads

        try:
            path = self._compile([name], target, ["--universal", "--no-deps"], None, explain=False)
        except (UvFailed, InstallError):
            return []
        document = loads(path.read_text(encoding="utf-8"))
        path.unlink()
        path.parent.rmdir()
        wheels = [wheel for package in document["packages"] for wheel in package.get("wheels", [])]
        return [wheel["url"].rsplit("/", 1)[-1] for wheel in wheels if "url" in wheel]

    def _compile(
        self,
        requirements: Sequence[str],
        target: Target,
        options: Sequence[str],
        first_index: str | None,
        *,
        explain: bool = True,
    ) -> Path:
        """Path of a lock file, alone in a folder, which both are the caller's to remove."""
        parent = private_directory(cache_directory() / "resolving")
        directory = Path(tempfile.mkdtemp(dir=parent))
        wanted, path = directory / "requirements.txt", directory / _LOCK
        try:
            wanted.write_text("".join(f"{requirement}\n" for requirement in requirements))
            default = ["--default-index", self.indexes.default] if self.indexes.default else []
            run_uv(
                [
                    *("pip", "compile", str(wanted), "--format", "pylock.toml"),
                    *("--output-file", str(path), "--python", str(target.executable())),
                    *("--only-binary", ":all:", "--no-sources", "--no-annotate", "--no-header"),
                    *("--quiet", *default, *options),
                ],
                timeout_seconds=self.settings.timeout_seconds,
                offline=self.settings.offline,
                environment=self._index_variable(first_index),
            )
        except UvFailed as failure:
            path.unlink(missing_ok=True)
            if not explain:
                raise
            raise classify(failure.said, target) from failure
        finally:
            wanted.unlink(missing_ok=True)
            if not path.exists():
                directory.rmdir()
        return path

    def _index_variable(self, first: str | None) -> dict[str, str]:
        more = [first] if first else []
        more += self.indexes.more
        if not more:
            return {}
        return {"UV_INDEX": " ".join((*more, *os.environ.get("UV_INDEX", "").split()))}


def describe_published(wheels: Sequence[str]) -> str:
    """For whom there are wheels, in a few words."""
    pythons: set[str] = set()
    platforms: set[str] = set()
    for file in wheels:
        try:
            _, _, _, tags = parse_wheel_filename(file)
        except InvalidWheelFilename:
            continue
        for tag in tags:
            pythons.add(tag.interpreter)
            platforms.add(tag.platform)
    near = sorted(platform for platform in platforms if "wasm" in platform)
    families = sorted({_family(platform) for platform in platforms})
    version = wheels[0].split("-")[1]
    interpreters = ", ".join(sorted(pythons))
    where = f"{', '.join(near)} at the nearest" if near else ", ".join(families)
    return f"version {version} has wheels for {interpreters} on {where}"


def _family(platform: str) -> str:
    for prefix, name in (
        ("manylinux", "Linux"),
        ("musllinux", "Linux"),
        ("linux", "Linux"),
        ("macosx", "macOS"),
        ("win", "Windows"),
        ("ios", "iOS"),
        ("android", "Android"),
        ("any", "any platform"),
    ):
        if platform.startswith(prefix):
            return name
    return platform


__all__ = ["FailureKind", "Resolver", "describe_published"]
