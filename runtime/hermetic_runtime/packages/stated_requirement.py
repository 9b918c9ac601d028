"""Requirements as they were stated, before anything is made of them."""

from __future__ import annotations

from typing import NamedTuple


class StatedRequirement(NamedTuple):
    """A PEP 508 string, and where it stands for messages ("line 3", "--with")."""

    text: str
    origin: str = ""
    in_script: bool = False
