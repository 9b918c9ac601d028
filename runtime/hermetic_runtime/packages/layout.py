"""The files in the folder of a package set."""

from __future__ import annotations

IMAGE = "packages.image"
DESCRIPTION = "set.json"
LOCK = "lock.json"
LAST_USE = "last-use"
