"""`python -m hermetic` is the command `hermetic`."""

from __future__ import annotations

from hermetic.cli import program

program()
