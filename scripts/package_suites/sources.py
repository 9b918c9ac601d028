"""Tests from source archives, which are downloaded and unpacked in part, never built."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path, PurePosixPath

from suites import Suite
from uv import find_uv_bin

_PYTHON = "3.14"
"""Archives are chosen for the guests' Python, which may be newer than this one."""


def unpack_tests(suite: Suite, folder: Path) -> Path:
    """Put what the suite keeps of its archive below `folder`; the folder that holds it.

    Raises `CalledProcessError` when the archive can't be had.
    """
    archives = folder / "archives"
    unpacked = folder / f"{suite.package}-{suite.version}"
    requirement = f"{suite.package}=={suite.version}"
    download = ["unearth", "--no-binary", "--python-version", _PYTHON, "--download", archives]
    runner = [find_uv_bin(), "run", "--quiet", "--no-project", "--with", "unearth"]
    subprocess.run([*runner, *download, requirement], check=True, stdout=subprocess.DEVNULL)
    name = suite.package.replace("-", "_")
    archive = archives / f"{name}-{suite.version}.tar.gz"
    kept = [PurePosixPath(path) for path in suite.keep]
    with tarfile.open(archive) as tar:
        for member in tar:
            path = PurePosixPath(*PurePosixPath(member.name).parts[1:])
            if any(path.is_relative_to(each) for each in kept):
                tar.extract(member.replace(name=str(path)), unpacked, filter="data")
    return unpacked
