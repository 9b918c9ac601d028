"""Compiles the standard library, once, while an interpreter is prepared."""

import marshal
import os
import sys
from importlib.util import MAGIC_NUMBER, source_hash

_UNCHECKED_HASH = (1).to_bytes(4, "little")
"""PEP 552: a hash-based .pyc that is not checked against its source."""


def main(library):
    """Write a record to stdout for each source under `library`; see `_RecordReader`."""
    tag = sys.implementation.cache_tag
    output = sys.stdout.buffer
    root = os.path.dirname(library)
    for folder, folders, names in os.walk(library):
        folders.sort()
        for name in sorted(names):
            if name.endswith(".py"):
                path = os.path.join(folder, name)
                contents = _compiled(path)
                if contents is not None:
                    target = f"{folder}/__pycache__/{name[:-3]}.{tag}.pyc"
                    relative = os.path.relpath(target, root).encode()
                    output.write(len(relative).to_bytes(4, "little"))
                    output.write(len(contents).to_bytes(4, "little"))
                    output.write(relative + contents)
    output.flush()


def _compiled(path):
    with open(path, "rb") as file:
        source = file.read()
    try:
        code = compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    return MAGIC_NUMBER + _UNCHECKED_HASH + source_hash(source) + marshal.dumps(code)
