"""Packages that misbehave when they are imported."""

from __future__ import annotations

from hostile_program import CRASHED, ERROR, MEMORY, OK, OUTPUT, TIMEOUT, HostileProgram

from hermetic_runtime.results import Outcome


def importing(
    name: str, module: str, outcomes: frozenset[Outcome], *, short: bool = False
) -> HostileProgram:
    """A program that writes a package `bad`, and imports it."""
    code = f"""
import os, sys
os.mkdir('bad')
with open('bad/__init__.py', 'w') as file:
    file.write({module!r})
sys.path.insert(0, '')
import bad
"""
    return HostileProgram(name, code, outcomes, short=short, alters_itself=True)


PROGRAMS = (
    importing("a package that never ends", "while True: pass", TIMEOUT, short=True),
    importing("a package that exits", "raise SystemExit(4)", ERROR),
    importing("a package that ends the process", "import os\nos._exit(4)", ERROR),
    importing("a package that aborts", "import os\nos.abort()", CRASHED),
    importing("a package that interrupts", "raise KeyboardInterrupt", ERROR),
    importing("a package that raises what it made", "raise type('E', (BaseException,), {})", ERROR),
    importing(
        "a package that takes all memory", "a = []\nwhile True: a.append(bytes(10**6))", MEMORY
    ),
    importing("a package that floods", "while True: print('x' * 1000)", OUTPUT),
    importing(
        "a package that imports itself without end",
        "import importlib, sys\ndel sys.modules['bad']\nimportlib.import_module('bad')",
        ERROR,
    ),
    importing("a package that is something else", "import sys\nsys.modules['bad'] = 7", OK),
    importing(
        "a package that takes the place of json",
        "import sys, types\nsys.modules['json'] = types.ModuleType('json')",
        OK,
    ),
    importing(
        "a package that takes the place of its loader",
        "__spec__ = __loader__ = __path__ = None\nimport bad.x",
        ERROR,
    ),
    importing(
        "a package with attributes that never end",
        "def __getattr__(name):\n    while True: pass\n",
        OK,
    ),
    importing("a package that is not text", "\0\udcff".encode("utf-8", "replace").decode(), ERROR),
    importing("a package that waits for input", "input()", ERROR),
    importing(
        "a package that patches print",
        "import builtins\nbuiltins.print = lambda *a, **k: 1 / 0\nprint()",
        ERROR,
    ),
    HostileProgram(
        "a package of a damaged archive",
        """
import sys
with open('/tmp/bad.zip', 'wb') as file:
    file.write(b'PK\\5\\6' + b'\\xff' * 18)
sys.path.insert(0, '/tmp/bad.zip')
import bad
""",
        ERROR,
        alters_itself=True,
    ),
    HostileProgram(
        "bytecode of a package that is damaged",
        """
import importlib.util, os, sys
os.mkdir('/tmp/p')
sys.path.insert(0, '/tmp/p')
with open('/tmp/p/bad.pyc', 'wb') as file:
    file.write(importlib.util.MAGIC_NUMBER + bytes(12) + b'\\xe3' + b'\\xff' * 100)
import bad
""",
        ERROR | CRASHED,
        alters_itself=True,
    ),
    HostileProgram(
        "a startup file of a package",
        """
import site
open('/workspace/a.pth', 'w').write('import os; os._exit(3)')
site.addsitedir('/workspace')
""",
        OK | ERROR,
        alters_itself=True,
    ),
)
