"""Finds matplotlib's fonts, once, while an interpreter is prepared."""

import os
import sys

from hermetic_guest.precompile import write_record


def main(folder):
    """Write matplotlib's list of fonts as a record to stdout, to be in `folder` of the library."""
    import matplotlib
    import matplotlib.font_manager

    cache = matplotlib.get_cachedir()
    for name in os.listdir(cache):
        if name.startswith("fontlist"):
            with open(os.path.join(cache, name), "rb") as file:
                write_record(f"{folder}/{name}", file.read())
    sys.stdout.buffer.flush()
