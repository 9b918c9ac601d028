"""What is wrong in a policy file, before it is known in which line."""

from __future__ import annotations

from hermetic.policy.source_tree import Path


class Fault(Exception):
    """`what` is wrong with the value at `path`."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(what)
        self.path = path
        self.what = what
