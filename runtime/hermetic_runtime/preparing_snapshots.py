"""Preparing the snapshots of an environment with packages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hermetic_runtime.cache import private_directory
from hermetic_runtime.environments import Environment
from hermetic_runtime.preparation import described_files
from hermetic_runtime.prepared import MANIFEST, is_complete
from hermetic_runtime.preparing import Report
from hermetic_runtime.replacement import replacing, working_on
from hermetic_runtime.snapshots.kept import snapshots_folder
from hermetic_runtime.snapshots.making import VARIANTS, make_snapshot
from hermetic_runtime.snapshots.preloads import STANDARD


def prepare_task(argument: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Make snapshots of the `environment` (encoded, in hexadecimal) with `preloads`."""
    environment = Environment.decode(bytes.fromhex(argument["environment"]))
    failed = prepare_snapshots(environment, argument["preloads"], report)
    return {"failed": failed}


def prepare_snapshots(
    environment: Environment, preloads: Sequence[str], report: Report
) -> dict[str, str]:
    """Make them unless they are there, or another process is making them at this moment.

    The preloads that could not be imported, each with the reason.
    """
    folder = snapshots_folder(environment, preloads)
    private_directory(folder.parent)
    failed: dict[str, str] = {}
    with working_on(folder) as alone:
        if not alone or is_complete(folder):
            return failed
        with replacing(folder) as unfinished:
            for number in range(VARIANTS):
                report("making snapshots", number / VARIANTS, ", ".join(preloads))
                variant = unfinished / str(number)
                variant.mkdir()
                failed |= make_snapshot(environment, [*STANDARD, *preloads], variant)
            _write_manifest(unfinished, preloads, failed)
    return failed


def _write_manifest(folder: Path, preloads: Sequence[str], failed: Mapping[str, str]) -> None:
    manifest = {
        "files": described_files(folder),
        "preloads": list(preloads),
        "failed": dict(failed),
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1))
