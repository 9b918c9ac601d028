"""Packages that misbehave when they are imported."""

from __future__ import annotations

from hostile_program import CRASHED, ERROR, MEMORY, OK, OUTPUT, TIMEOUT, HostileProgram

from hermetic_runtime.reported import Outcome


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
        ERROR,
        alters_itself=True,
    ),
    HostileProgram(
        "a startup file of a package",
        """
import site
open('/workspace/a.pth', 'w').write('import os; os._exit(3)')
site.addsitedir('/workspace')
""",
        ERROR,
        alters_itself=True,
    ),
    importing(
        "a package that starts threads",
        "import threading\nthreading.Thread(target=print).start()",
        ERROR,
    ),
    importing(
        "a package that hooks every import",
        "import sys\nsys.meta_path.insert(0, type('F', (), {'find_spec': lambda *_: 1 / 0})())\n"
        "import wave",
        ERROR,
    ),
    importing(
        "a package that removes itself",
        "import os, shutil\nshutil.rmtree(os.path.dirname(__file__))\nfrom . import other",
        ERROR,
    ),
    importing(
        "a package that changes what was imported before it",
        "import os, json, io\nos.path.join = json.dumps = io.open = None",
        OK,
    ),
    importing(
        "a package that hides an exit in its attributes",
        "def __getattr__(name): raise SystemExit(3)\nfrom bad import anything",
        ERROR,
    ),
    importing(
        "a package that is deeper than the stack",
        "import sys\nsys.setrecursionlimit(10**6)\nexec('x = ' + '-' * 5000 + '1')",
        ERROR,
    ),
    HostileProgram(
        "a package whose metadata lies",
        """
import importlib.metadata, os, sys
os.makedirs('/tmp/p/bad-1.dist-info')
with open('/tmp/p/bad-1.dist-info/METADATA', 'w') as file:
    file.write('Name: ../../etc\\nVersion: ' + '9' * 10**5 + '\\nRequires-Dist: ' + '(' * 10**5)
with open('/tmp/p/bad-1.dist-info/RECORD', 'w') as file:
    file.write('../../../../etc/passwd,sha256=x,-1\\n')
sys.path.insert(0, '/tmp/p')
found = importlib.metadata.distribution('bad')
print(found.files[0].locate().read_text())
""",
        ERROR,
        alters_itself=True,
    ),
    HostileProgram(
        "packages that import each other without end",
        """
import sys
for i in range(150):
    with open(f'/tmp/chain{i}.py', 'w') as file:
        file.write(f'import chain{(i + 1) % 150}\\nfrom chain{(i + 1) % 150} import missing')
sys.path.insert(0, '/tmp')
import chain0
""",
        ERROR,
        alters_itself=True,
    ),
    HostileProgram(
        "a package of names for the interpreter's own",
        """
import sys
for name in ('sitecustomize', 'usercustomize', 'hermetic_guest', '_json', 'linecache'):
    with open(f'/workspace/{name}.py', 'w') as file: file.write('raise SystemExit(7)')
sys.path.insert(0, '/workspace')
import sitecustomize
""",
        ERROR,
        alters_itself=True,
    ),
)
