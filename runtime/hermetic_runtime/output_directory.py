"""The folder of this machine that gets what runs made: their files and their displays."""

from __future__ import annotations

import binascii
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.kernel.overlay import Change, ChangeKind
from hermetic_runtime.mounts import apply_changes, printable_path
from hermetic_runtime.reported import Display

_MODE = 0o644
_TEXTS = {
    "image/svg+xml": "svg",
    "text/html": "html",
    "text/markdown": "md",
    "text/latex": "tex",
    "application/json": "json",
}
_BINARIES = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "application/pdf": "pdf",
}


class OutputDirectory:
    """Open while a sandbox lives. What a guest says of it is not trusted: nothing outside
    of the folder is reached, and only what its runs have made there is removed.
    """

    def __init__(self, path: Path) -> None:
        """Makes the folder if there is none. Raises `InvalidInput` if that can't be."""
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise InvalidInput(f"nothing can be written to {str(path)!r}: {reason}") from error
        self._made: set[bytes] = set()
        self._displays = 0

    def write(
        self, changes: Sequence[Change], displays: Sequence[Display], output: CapturedOutput
    ) -> list[str]:
        """Write what one run has made; the paths of files that are new or changed, as they
        may be printed. What is refused is said on stderr.
        """
        wanted = [
            change
            for change in changes
            if change.kind is not ChangeKind.REMOVED or change.path in self._made
        ]
        self._made.update(change.path for change in wanted if change.kind is not ChangeKind.REMOVED)
        files = {
            change.path for change in wanted if change.kind in (ChangeKind.FILE, ChangeKind.SYMLINK)
        }
        shown = [change for display in displays for change in self._display_changes(display)]
        applied = apply_changes(self._descriptor, [*wanted, *shown])
        for refusal in applied.refused:
            output.note(f"hermetic: not written: {refusal}")
        files.update(change.path for change in shown)
        return [printable_path(path) for path in applied.applied if path in files]

    def _display_changes(self, display: Display) -> Iterator[Change]:
        """A display as files `display-1.png`, `display-1.html`..., numbered through all runs
        and past names that the guest has taken; as text if it has no other known form.
        """
        forms = {kind: display.data[kind] for kind in (*_BINARIES, *_TEXTS) if kind in display.data}
        files = dict(_encoded(forms)) or {"txt": display.data.get("text/plain", "").encode()}
        while True:
            self._displays += 1
            names = {f"display-{self._displays}.{ending}".encode(): ending for ending in files}
            if not any(name in self._made for name in names):
                break
        for name, ending in names.items():
            yield Change(name, ChangeKind.FILE, files[ending], _MODE)

    def close(self) -> None:
        os.close(self._descriptor)


def _encoded(forms: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    """(ending, contents) of each form; a binary one that is not base64 is left out."""
    for kind, data in forms.items():
        if kind in _TEXTS:
            yield _TEXTS[kind], data.encode()
            continue
        try:
            yield _BINARIES[kind], binascii.a2b_base64(data.encode())
        except binascii.Error:
            continue
