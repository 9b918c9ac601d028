"""From a lock to files: uv installs, and what it installed is checked and packed.

Nothing of a package is executed. What only an installed environment would execute (.pth
files, console scripts) is left out.
"""

from __future__ import annotations

import base64
import csv
import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from hermetic_runtime.errors import InstallError
from hermetic_runtime.packages.install_errors import ClassifiedInstallError, FailureKind, classify
from hermetic_runtime.packages.lock import Lock
from hermetic_runtime.packages.settings import PackageSettings
from hermetic_runtime.packages.targets import Target
from hermetic_runtime.packages.uv_process import UvFailed, run_uv

Files = dict[str, bytes]

MOST_BYTES = 2 * 1024**3
"""Of all files of one package set."""

_LEFT_OUT_FOLDERS = ("__pycache__", "bin")
_LEFT_OUT_ENDINGS = (".pth", ".pyc", ".dist-info/uv_cache.json")
_LEFT_OUT_FILES = (".lock",)


def install(
    lock: Lock,
    target: Target,
    settings: PackageSettings,
    directory: Path,
    on_line: Callable[[str], None],
) -> Files:
    """Path and contents of every file of the set. `directory` is for uv to work in.

    When a wheel is damaged in uv's cache, all are fetched again, once, past that cache: uv
    cleans it only while nobody uses it, and `uv run hermetic` does. What is fetched anew
    has been compared with the lock's hash, and is taken even if it contradicts its own
    record. Raises `InstallError`.
    """
    try:
        files = _install_once(lock, target, settings, directory / "first", on_line)
        for name in [name for name in files if name.endswith(".dist-info/RECORD")]:
            _check_record(name, files)
        return files
    except ClassifiedInstallError as error:
        if error.kind != FailureKind.DAMAGED or settings.offline:
            raise
    return _install_once(lock, target, settings, directory / "second", on_line, "--no-cache")


def _install_once(
    lock: Lock,
    target: Target,
    settings: PackageSettings,
    directory: Path,
    on_line: Callable[[str], None],
    *options: str,
) -> Files:
    if not lock.wheels:
        return {}
    try:
        directory.mkdir()
        description = directory.with_name(f"pylock.{directory.name}.toml")
        description.write_text(lock.to_pylock())
        run_uv(
            [
                *("pip", "install", "--target", str(directory), "--requirements", str(description)),
                *("--python", str(target.executable()), "--no-deps", "--only-binary", ":all:"),
                *("--link-mode", "hardlink", *options),
            ],
            timeout_seconds=settings.timeout_seconds,
            offline=settings.offline,
            on_line=on_line,
        )
        return _read(directory)
    except UvFailed as failure:
        raise classify(failure.said, target) from failure
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ClassifiedInstallError(
                FailureKind.DISK,
                f"the disk is full: {error.filename or directory}",
                hint="Free some space, or set HERMETIC_CACHE_DIR to another disk.",
            ) from error
        raise InstallError(f"packages could not be installed: {error}") from error


def _read(directory: Path) -> Files:
    files: Files = {}
    total = 0
    for path, size in _regular_files(directory):
        total += size
        if total > MOST_BYTES:
            raise InstallError(
                f"the packages hold more than {MOST_BYTES:,} bytes",
                hint="Ask for fewer of them in one script.",
            )
        name = path.relative_to(directory).as_posix()
        try:
            name.encode("utf-8")
        except UnicodeEncodeError as error:
            raise InstallError(
                f"a package has a file with a name that is not text: {name!r}"
            ) from error
        files[name] = path.read_bytes()
    return files


def _regular_files(directory: Path) -> Iterator[tuple[Path, int]]:
    pending = [directory]
    while pending:
        folder = pending.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                path = Path(entry.path)
                if entry.is_symlink():
                    raise InstallError(
                        f"a package has a link, which no guest can have: "
                        f"{path.relative_to(directory)}"
                    )
                if entry.is_dir():
                    top = folder == directory
                    if entry.name not in _LEFT_OUT_FOLDERS or (entry.name == "bin" and not top):
                        pending.append(path)
                elif not entry.is_file(follow_symlinks=False):
                    raise InstallError(
                        f"a package has what is not a regular file: {path.relative_to(directory)}"
                    )
                elif not entry.path.endswith(_LEFT_OUT_ENDINGS) and not (
                    folder == directory and entry.name in _LEFT_OUT_FILES
                ):
                    yield path, entry.stat().st_size


def _check_record(record: str, files: Files) -> None:
    """Compare what is there with what a wheel says that it holds. A difference means that
    uv's cache, which the files come from, is damaged.
    """
    rows: Sequence[Sequence[str]]
    try:
        rows = list(csv.reader(files[record].decode("utf-8").splitlines()))
    except (UnicodeDecodeError, csv.Error):
        rows = []
    name = record.split("-")[0]
    if not rows:
        raise _damaged(name, f"{record} can't be read")
    for path, recorded, *_ in (row for row in rows if len(row) >= 2):
        algorithm, _, expected = recorded.partition("=")
        if algorithm != "sha256" or _is_left_out(path):
            continue
        contents = files.get(os.path.normpath(path))
        if contents is None:
            raise _damaged(name, f"{path} is missing")
        found = base64.urlsafe_b64encode(hashlib.sha256(contents).digest()).rstrip(b"=")
        if found.decode() != expected.rstrip("="):
            raise _damaged(name, f"{path} is not what the wheel holds")


def _is_left_out(path: str) -> bool:
    folders = path.split("/")[:-1]
    return (
        path.startswith(("../", "/", "bin/"))
        or "__pycache__" in folders
        or path.endswith(_LEFT_OUT_ENDINGS)
    )


def _damaged(name: str, reason: str) -> ClassifiedInstallError:
    return ClassifiedInstallError(
        FailureKind.DAMAGED,
        f"{name} is damaged in uv's cache: {reason}",
        name=name,
        hint="`uv cache clean` empties it.",
    )
