"""Programs that use up the stack, in Python and in C."""

from __future__ import annotations

from hostile_program import CRASHED, ERROR, MEMORY, OK, OUTPUT, TIMEOUT, HostileProgram

PROGRAMS = (
    HostileProgram(
        "recursion",
        """
def f(): f()
f()
""",
        ERROR,
    ),
    HostileProgram(
        "recursion with a raised limit",
        """
import sys
sys.setrecursionlimit(10**9)
def f(): f()
f()
""",
        TIMEOUT | MEMORY | CRASHED,
        short=True,
        alters_itself=True,
    ),
    HostileProgram(
        "recursion through C with a raised limit",
        """
import sys
sys.setrecursionlimit(10**9)
def f(*_): return list(map(f, [1]))
f()
""",
        ERROR,
        alters_itself=True,
    ),
    HostileProgram(
        "recursion through attributes",
        """
class A:
    def __getattr__(self, name): return getattr(self, name)
A().x
""",
        ERROR,
    ),
    HostileProgram(
        "recursion through repr",
        """
class A:
    def __repr__(self): return repr(self)
repr(A())
""",
        ERROR,
    ),
    HostileProgram(
        "recursion through comparison",
        """
class A:
    def __eq__(self, other): return self == other
A() == A()
""",
        ERROR,
    ),
    HostileProgram(
        "recursion through a hash",
        """
class A:
    def __hash__(self): return hash(self)
hash(A())
""",
        ERROR,
    ),
    HostileProgram(
        "recursion that is caught and goes on",
        """
def f():
    try:
        f()
    finally:
        f()
f()
""",
        TIMEOUT,
        short=True,
    ),
    HostileProgram(
        "recursion in an exception handler",
        """
def f():
    try:
        raise ValueError
    except ValueError:
        f()
f()
""",
        ERROR,
    ),
    HostileProgram(
        "recursion of generators",
        """
def f():
    yield from f()
list(f())
""",
        ERROR,
    ),
    HostileProgram(
        "recursion of coroutines",
        """
async def f(): await f()
await f()
""",
        ERROR,
    ),
    HostileProgram(
        "recursion of properties in a class body",
        """
class M(type):
    def __instancecheck__(c, x): return isinstance(x, c)
class A(metaclass=M): pass
isinstance(1, A)
""",
        ERROR,
    ),
    HostileProgram(
        "a deep list, shown",
        """
a = []
for _ in range(100_000): a = [a]
repr(a)
""",
        ERROR,
    ),
    HostileProgram(
        "a deep list, compared",
        """
def deep():
    a = []
    for _ in range(100_000):
        a = [a]
    return a
deep() == deep()
""",
        ERROR,
    ),
    HostileProgram(
        "a deep tuple, hashed",
        """
a = ()
for _ in range(100_000): a = (a,)
hash(a)
""",
        OK,
    ),
    HostileProgram(
        "a deep list, let go",
        """
a = []
for _ in range(500_000): a = [a]
del a
""",
        CRASHED,
    ),
    HostileProgram(
        "a deep list of dictionaries, let go",
        """
a = {}
for _ in range(200_000): a = {0: a}
del a
""",
        OK,
        in_wasi=OK | CRASHED,
    ),
    HostileProgram(
        "a deep chain of closures, let go",
        """
f = None
for _ in range(200_000): f = (lambda g: lambda: g)(f)
del f
""",
        OK,
    ),
    HostileProgram(
        "a deep chain of exceptions, let go",
        """
error = None
for _ in range(100_000):
    new = ValueError()
    new.__context__ = error
    error = new
del error, new
""",
        OK,
    ),
    HostileProgram(
        "a deep chain of exceptions, raised",
        """
error = ValueError()
for _ in range(10_000):
    new = ValueError()
    new.__cause__ = error
    error = new
raise error
""",
        ERROR,
    ),
    HostileProgram(
        "a deep chain of iterators",
        """
i = iter([1])
for _ in range(200_000): i = map(int, i)
next(i)
""",
        CRASHED,
        in_wasi=OK,
    ),
    HostileProgram(
        "a deep chain of iterators, let go",
        """
import itertools
i = iter([1])
for _ in range(300_000): i = itertools.chain(i)
del i
""",
        CRASHED,
    ),
    HostileProgram(
        "a deep chain of partial functions",
        """
import functools
class P(functools.partial): pass
f = print
for _ in range(100_000):
    f = P(f)
    f.x = 1
f()
""",
        OK,
    ),
    HostileProgram(
        "deep JSON, read",
        """
import json
json.loads('[' * 100_000)
""",
        ERROR,
    ),
    HostileProgram(
        "deep JSON, written",
        """
import json
a = []
for _ in range(100_000): a = [a]
json.dumps(a)
""",
        OUTPUT,
    ),
    HostileProgram("deep brackets, evaluated", "eval('(' * 10_000 + ')' * 10_000)", ERROR),
    HostileProgram(
        "deep brackets, parsed",
        """
import ast
ast.parse('[' * 5_000 + ']' * 5_000)
""",
        ERROR,
    ),
    HostileProgram("deep operators, compiled", "compile('-' * 100_000 + '1', 'a', 'eval')", ERROR),
    HostileProgram(
        "deep attributes, compiled", "compile('a' + '.a' * 100_000, 'a', 'eval')", ERROR
    ),
    HostileProgram(
        "deep blocks, compiled",
        "compile('\\n'.join(' ' * i + 'if 1:' for i in range(200)), 'a', 'exec')",
        ERROR,
    ),
    HostileProgram(
        "a deep syntax tree, compiled",
        """
import ast
node = ast.Constant(1)
for _ in range(100_000):
    node = ast.UnaryOp(ast.Not(), node)
compile(ast.fix_missing_locations(ast.Expression(node)), 'a', 'eval')
""",
        ERROR,
    ),
    HostileProgram(
        "a deep literal",
        """
import ast
ast.literal_eval('[' * 50_000 + ']' * 50_000)
""",
        OUTPUT,
        in_wasi=ERROR,
    ),
    HostileProgram(
        "a deep regular expression",
        """
import re
re.compile('(' * 50_000 + ')' * 50_000)
""",
        OUTPUT,
    ),
    HostileProgram(
        "a regular expression that recurses over its text",
        """
import re
re.match('(?:a|b)*?c', 'ab' * 1_000_000)
""",
        OK,
    ),
    HostileProgram(
        "a deep pickle, made",
        """
import pickle
a = []
for _ in range(100_000): a = [a]
pickle.dumps(a)
""",
        OUTPUT,
    ),
    HostileProgram(
        "a deep pickle, read",
        """
import pickle
pickle.loads(b']' * 200_000 + b'a' * 199_999 + b'.')
""",
        ERROR,
    ),
    HostileProgram(
        "deep marshalled data",
        """
import marshal
marshal.loads(b'[\\1\\0\\0\\0' * 100_000)
""",
        ERROR,
    ),
    HostileProgram(
        "deep XML",
        """
import xml.etree.ElementTree as t
t.fromstring('<a>' * 200_000 + '</a>' * 200_000)
""",
        CRASHED,
    ),
    HostileProgram(
        "a deep copy",
        """
import copy
a = []
for _ in range(100_000): a = [a]
copy.deepcopy(a)
""",
        OUTPUT,
    ),
    HostileProgram(
        "a class with a long line of ancestors",
        """
c = object
for i in range(20_000): c = type('C', (c,), {})
""",
        TIMEOUT,
        short=True,
    ),
    HostileProgram(
        "a finalizer that recurses",
        """
class A:
    def __del__(self): A()
A()
""",
        OK,
    ),
    HostileProgram(
        "a function with the most arguments",
        """
f = lambda *a: len(a)
eval('f(' + '0,' * 200_000 + ')')
""",
        MEMORY,
    ),
    HostileProgram(
        "a deep chain of instances, let go",
        """
class A: pass
a = None
for _ in range(200_000):
    b = A()
    b.a = a
    a = b
del a, b
""",
        OK,
    ),
    HostileProgram(
        "a deep chain of instances with slots and finalizers, let go",
        """
class A:
    __slots__ = ('a',)
    def __del__(self): pass
a = None
for _ in range(100_000):
    b = A()
    b.a = a
    a = b
del a, b
""",
        OK,
    ),
    HostileProgram(
        "a deep chain of generators, let go",
        """
def f(g): yield g
a = None
for _ in range(100_000):
    b = f(a)
    next(b)
    a = b
del a, b
""",
        OK,
    ),
    HostileProgram(
        "a deep chain of tracebacks, let go",
        """
def f(depth):
    if depth: f(depth - 1)
    raise ValueError
try: f(200)
except ValueError as e: error = e
for _ in range(50_000):
    try: raise error
    except ValueError as e: error = e
del error
""",
        OK,
    ),
    HostileProgram(
        "a deep chain of callbacks of weak references",
        """
import weakref
class A: pass
a = A()
for _ in range(20_000):
    b = A()
    b.ref = weakref.ref(a, lambda _, a=a: None)
    a = b
del a, b
""",
        OK,
    ),
)
