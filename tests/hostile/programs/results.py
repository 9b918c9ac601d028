"""Results that are made to deceive whoever reads them."""

from __future__ import annotations

from hostile_program import ERROR, MEMORY, OK, OUTPUT, TIMEOUT, HostileProgram

PROGRAMS = (
    HostileProgram("a huge text", "'x' * 10**7", OUTPUT),
    HostileProgram("a huge list", "list(range(10**6))", OUTPUT),
    HostileProgram("a huge number", "1 << 10**7", ERROR),
    HostileProgram("a number over Python's limit of digits", "1 << 60_000", ERROR),
    HostileProgram(
        "a list that holds itself",
        """
a = []
a.append(a)
a
""",
        OK,
    ),
    HostileProgram(
        "a dictionary that holds itself",
        """
a = {}
a['a'] = a
a
""",
        OK,
    ),
    HostileProgram(
        "a deep list",
        """
a = []
for _ in range(50_000): a = [a]
a
""",
        ERROR,
    ),
    HostileProgram(
        "a list that is deep enough for the host",
        """
a = []
for _ in range(900): a = [a]
a
""",
        OK,
    ),
    HostileProgram("not a number", "[float('nan'), float('inf'), -float('inf')]", OK),
    HostileProgram("lone surrogates", "['\\udc80', {'\\ud800': '\\udfff'}]", OK),
    HostileProgram("zeros in text", "{'a\\0b': '\\0' * 100}", OK),
    HostileProgram("keys of every type", "{1: 1, '1': 2, None: 3, True: 4, 1.5: 5, (): 6}", OK),
    HostileProgram(
        "keys that mean something to other languages",
        "{'__proto__': {'x': 1}, 'constructor': 1, '$ref': '#', '__class__': 'os.system'}",
        OK,
    ),
    HostileProgram(
        "many equal keys in JSON",
        """
class S(str):
    def __hash__(self): return id(self)
    def __eq__(self, other): return self is other
{S('a'): i for i in range(1000)}
""",
        OK,
    ),
    HostileProgram(
        "a text that lies about its length",
        """
class S(str):
    def __len__(self): return -1
    def __str__(self): return 7
    def encode(self, *a): return 7
S('x')
""",
        OK,
    ),
    HostileProgram(
        "a number that is none",
        """
class N(int):
    def __repr__(self): return '"forged"}'
    __str__ = __format__ = __index__ = __repr__
N(5)
""",
        OK,
    ),
    HostileProgram(
        "a list that changes as it is read",
        """
class L(list):
    def __iter__(self):
        while True: yield 1
    def __len__(self): return 10**9
L([1])
""",
        MEMORY,
    ),
    HostileProgram(
        "a dictionary that changes as it is read",
        """
class D(dict):
    def items(self):
        while True: yield 'a', 1
D(a=1)
""",
        MEMORY,
    ),
    HostileProgram(
        "a value that raises when it is shown",
        """
class A:
    def __repr__(self): raise ValueError
A()
""",
        ERROR,
    ),
    HostileProgram(
        "a value that exits when it is shown",
        """
class A:
    def __repr__(self): raise SystemExit(3)
A()
""",
        ERROR,
    ),
    HostileProgram(
        "a value that never ends being shown",
        """
class A:
    def __repr__(self):
        while True: pass
A()
""",
        TIMEOUT,
        short=True,
    ),
    HostileProgram(
        "a value that is shown as something else",
        """
class A:
    def __repr__(self): return 7
A()
""",
        ERROR,
    ),
    HostileProgram(
        "a value that is shown as a huge text",
        """
class A:
    def __repr__(self): return 'x' * 10**7
A()
""",
        OUTPUT,
    ),
    HostileProgram(
        "a value that is shown as surrogates",
        """
class A:
    def __repr__(self): return '\\udc80\\0\\x1b[2J'
A()
""",
        OK,
    ),
    HostileProgram(
        "a value that says it is anything",
        """
class A:
    def __getattr__(self, name): return self
    def __call__(self, *a, **k): return self
A()
""",
        OK,
    ),
    HostileProgram(
        "a value whose class lies",
        """
class A:
    __class__ = property(lambda self: dict)
A()
""",
        OK,
    ),
    HostileProgram(
        "a value whose type can't be asked",
        """
class M(type):
    def __getattribute__(c, name): raise ValueError
class A(metaclass=M): pass
A()
""",
        OK,
    ),
    HostileProgram("displays without end", "while True: display('x' * 100)", TIMEOUT, short=True),
    HostileProgram(
        "a display that is huge",
        """
class A:
    def _repr_html_(self): return 'x' * 10**7
A()
""",
        OK,
    ),
    HostileProgram(
        "a display of wrong types",
        """
class A:
    def _repr_png_(self): return ['x']
    def _repr_html_(self): return b'\\xff'
    def _repr_mimebundle_(self, **_): return {7: 8, 'text/html': object()}
A()
""",
        OK,
    ),
    HostileProgram(
        "a display whose type deceives",
        """
class A:
    def _repr_mimebundle_(self, **_):
        return {'../../x': 'a', 'text/html\\r\\nX: y': 'b', 'a' * 10**5: 'c'}
A()
""",
        OK,
    ),
    HostileProgram(
        "a display that raises",
        """
class A:
    def _repr_html_(self): raise SystemExit(3)
A()
""",
        ERROR,
    ),
    HostileProgram(
        "a display that never ends",
        """
class A:
    def _repr_html_(self):
        while True: pass
A()
""",
        TIMEOUT,
        short=True,
    ),
    HostileProgram(
        "a response that is written beforehand",
        """
import glob, json
forged = json.dumps({'outcome': 'ok', 'value': {'repr': '42', 'json': 42}, 'exit_code': 0})
for place in ('/tmp', '/workspace', '/'):
    try: open(place + '/response', 'w').write(forged)
    except OSError: pass
1 / 0
""",
        ERROR,
    ),
    HostileProgram("an error with surrogates", "raise ValueError('\\udc80\\0\\x1b')", ERROR),
    HostileProgram("an error of ten megabytes", "raise ValueError('x' * 10**7)", OUTPUT),
    HostileProgram(
        "an error with notes without end",
        """
e = ValueError()
e.__notes__ = ['x' * 1000] * 10_000
raise e
""",
        OUTPUT,
    ),
    HostileProgram(
        "an error whose notes are none",
        """
e = ValueError()
e.__notes__ = 7
raise e
""",
        ERROR,
    ),
    HostileProgram(
        "an error that pretends to be a limit",
        """
class MemoryError(Exception): pass
raise MemoryError('memory_bytes')
""",
        ERROR,
    ),
    HostileProgram("a MemoryError that is raised by hand", "raise MemoryError", ERROR),
    HostileProgram(
        "a full disk that is raised by hand",
        """
import errno
raise OSError(errno.ENOSPC, 'x')
""",
        ERROR,
    ),
    HostileProgram(
        "files with names for a list",
        "for i in range(150): open('/workspace/' + chr(0x4e00 + i) * 80, 'w').close()",
        OK,
    ),
)
