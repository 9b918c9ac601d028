"""Compiles a library once: the standard one, or that of a package set."""

import marshal
import os
import sys
from importlib.util import MAGIC_NUMBER, source_hash

_UNCHECKED_HASH = (1).to_bytes(4, "little")
"""PEP 552: a hash-based .pyc that is not checked against its source."""


def main(library):
    """Write a record to stdout for each source under `library`; see `RecordReader`."""
    tag = sys.implementation.cache_tag
    root = os.path.dirname(library)
    for folder, folders, names in os.walk(library):
        folders.sort()
        for name in sorted(names):
            if name.endswith(".py"):
                path = os.path.join(folder, name)
                contents = _compiled(path)
                if contents is not None:
                    target = f"{folder}/__pycache__/{name[:-3]}.{tag}.pyc"
                    write_record(os.path.relpath(target, root), contents)
    sys.stdout.buffer.flush()


def write_record(name, contents):
    """Tell the host of a file that is to be in the library."""
    encoded = name.encode()
    lengths = len(encoded).to_bytes(4, "little") + len(contents).to_bytes(4, "little")
    sys.stdout.buffer.write(lengths + encoded + contents)


def _compiled(path):
    with open(path, "rb") as file:
        source = file.read()
    try:
        code = compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        return None
    return MAGIC_NUMBER + _UNCHECKED_HASH + source_hash(source) + marshal.dumps(code)
