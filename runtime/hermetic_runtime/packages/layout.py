"""The files in the folder of a package set."""

from __future__ import annotations

IMAGE = "packages-2.image"
"""With the number of its form: a set without one is made again."""
DESCRIPTION = "set.json"
LOCK = "lock.json"
LAST_USE = "last-use"
