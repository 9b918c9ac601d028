"""Putting together what a script and its caller ask for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.packages.settings import INTERPRETERS, PackageRequest
from hermetic_runtime.packages.stated_requirement import StatedRequirement

TYPE_CHECKING = False  # who has no script need not load what reads its metadata
if TYPE_CHECKING:
    from hermetic_runtime.packages.script_metadata import ScriptMetadata


def package_request(
    metadata: ScriptMetadata | None = None,
    *,
    requirements: Sequence[str] = (),
    files: Sequence[Path] = (),
    interpreter: str | None = None,
    origin: str = "",
) -> PackageRequest:
    """The requirements of a script, of a caller, and in requirements files, as one.

    The caller's `interpreter` comes before the script's; `origin` says where the caller's
    requirements stand. Raises `InvalidInput` when a file can't be read or the interpreter is
    not known.
    """
    chosen = interpreter or (metadata.interpreter if metadata else None) or "auto"
    if chosen not in INTERPRETERS:
        names = ", ".join(INTERPRETERS)
        raise InvalidInput(f"there is no interpreter {chosen!r}", hint=f"There are: {names}.")
    stated = [*metadata.requirements] if metadata else []
    stated += [StatedRequirement(text.strip(), origin) for text in requirements]
    if files:
        from hermetic_runtime.packages.requirements import read_requirements_file  # slow to import

        for path in files:
            stated += read_requirements_file(path)
    return PackageRequest(
        requirements=tuple(stated),
        interpreter=chosen,
        requires_python=metadata.requires_python if metadata else None,
        indexes=metadata.indexes if metadata else None,
    )
