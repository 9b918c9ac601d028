"""Distributions that are part of an interpreter, as uv sees them: wheels with nothing in
them, pinned, which are left out of the lock again.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from hermetic_runtime.cache import cache_directory, private_directory

CONSTRAINTS = "constraints.txt"


def built_in_wheels(versions: Mapping[str, str]) -> Path:
    """A folder of wheels with a file `CONSTRAINTS` that pins them; made if it is not there."""
    digest = sha256(json.dumps(sorted(versions.items())).encode()).hexdigest()[:16]
    directory = cache_directory() / "built_in" / digest
    if directory.is_dir():
        return directory
    parent = private_directory(directory.parent)
    unfinished = Path(tempfile.mkdtemp(dir=parent, prefix=".unfinished-"))
    try:
        for name, version in versions.items():
            _write_wheel(unfinished, name, version)
        pins = "".join(f"{name}=={version}\n" for name, version in sorted(versions.items()))
        (unfinished / CONSTRAINTS).write_text(pins)
        unfinished.rename(directory)
    except OSError:
        if not directory.is_dir():  # not made by another process meanwhile
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return directory


def _write_wheel(directory: Path, name: str, version: str) -> None:
    stem = f"{name.replace('-', '_').replace('.', '_')}-{version}"
    files = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: hermetic\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(directory / f"{stem}-py3-none-any.whl", "w") as archive:
        for file, contents in files.items():
            archive.writestr(f"{stem}.dist-info/{file}", contents)
