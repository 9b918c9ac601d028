"""Random bytes for the guest."""

from __future__ import annotations

import os


def fill(size: int) -> bytes:
    """`size` bytes fit for cryptography, from the host's generator."""
    return os.urandom(size)
