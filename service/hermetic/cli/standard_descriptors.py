"""The descriptors 0, 1 and 2. Imports nothing else: this comes before everything."""

from __future__ import annotations

import os

STDOUT, STDERR = 1, 2


def open_missing_descriptors() -> None:
    """Open the null device for each standard descriptor that the caller closed.

    Otherwise the next file to be opened takes its number, and gets the guest's output.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
