"""Changes of a mounted folder, as a guest process that was taken over may report them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from random import Random

from hermetic_runtime.kernel.overlay import Change, ChangeKind
from hermetic_runtime.mounts import apply_changes

_PARTS = (
    *(b"a", b"b", b"link", b"out", b"file", b"d", b"..", b".", b"", b"/", b"\xff\xfe", b"-rf"),
    *(b"a\0b", b"n" * 255, b"n" * 256, b".hermetic", b"\n", b"CON", b"d/" * 300),
)
_TARGETS = (b"a", b"..", b"../outside", b"/etc/passwd", b"", b"\0", b"t" * 5000, b"link", b".")


def hostile_changes(choices: Random) -> list[Change]:
    """Of folders, files and links that are in one another's way, with paths that lead out."""
    return [_change(choices) for _ in range(choices.randrange(1, 12))]


def _change(choices: Random) -> Change:
    kind = choices.choice(list(ChangeKind))
    path = b"/".join(choices.choice(_PARTS) for _ in range(choices.randrange(1, 5)))
    data = choices.choice(_TARGETS) if kind is ChangeKind.SYMLINK else b"changed"
    return Change(path, kind, data, choices.choice((0, 0o644, 0o755, 0o4777, 0o7777)))


def fault_of_changes(changes: list[Change]) -> str | None:
    """What is wrong with how changes were made, if anything is."""
    with tempfile.TemporaryDirectory() as name:
        folder, outside = Path(name) / "folder", Path(name) / "outside"
        for each in (folder, outside):
            (each / "d").mkdir(parents=True)
            (each / "file").write_text("as it was")
        (folder / "out").symlink_to(outside)
        (folder / "link").symlink_to(outside / "file")
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            apply_changes(descriptor, changes)
        except Exception as error:
            return f"{type(error).__name__}: {error} in {changes}"
        finally:
            os.close(descriptor)
        beside = sorted(path.relative_to(name).as_posix() for path in outside.rglob("*"))
        if beside != ["outside/d", "outside/file"] or sorted(os.listdir(name)) != [
            "folder",
            "outside",
        ]:
            return f"{beside} is outside after {changes}"
        if (outside / "file").read_text() != "as it was":
            return f"a file outside was changed by {changes}"
    return None
