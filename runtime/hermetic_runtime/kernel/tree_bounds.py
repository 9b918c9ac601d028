"""How deep a guest's tree of files may be, and how long its paths.

Linux bounds neither. Here both are, so that whoever walks a tree that a guest made, to save
it or to give it back, needs no deep stack and no path that a system call refuses.
"""

from __future__ import annotations

from hermetic_runtime.kernel.errno import Errno, Failure
from hermetic_runtime.kernel.filesystem import Directory, Node

LEVELS_MAX = 128
"""Of names in a path below the root of its filesystem."""
PATH_BYTES_MAX = 3072
"""Of such a path, its slashes included. The host's folder is before it, within PATH_MAX."""


def check_place(directory: Directory, name: bytes, node: Node | None = None) -> None:
    """Raises `Failure(ENAMETOOLONG)` unless `name` may be in `directory`, and all that is
    below `node` with it.
    """
    levels, size = _extent_below(node)
    levels, size = levels + 1, size + len(name)
    while directory.parent is not directory:
        levels, size = levels + 1, size + 1 + len(directory.name)
        directory = directory.parent
    if levels > LEVELS_MAX or size > PATH_BYTES_MAX:
        raise Failure(Errno.ENAMETOOLONG)


def _extent_below(node: Node | None) -> tuple[int, int]:
    """The most levels and the most bytes of a path below `node`."""
    most_levels = most_bytes = 0
    pending = [(node, 0, 0)]
    while pending:
        above, levels, size = pending.pop()
        most_levels, most_bytes = max(most_levels, levels), max(most_bytes, size)
        if isinstance(above, Directory):
            for name, below in above.nodes():
                pending.append((below, levels + 1, size + 1 + len(name)))
    return most_levels, most_bytes
