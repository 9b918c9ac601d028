"""Programs that use the processor for as long as they are let."""

from __future__ import annotations

from hostile_program import ERROR, MEMORY, OUTPUT, TIMEOUT, HostileProgram, endless

PROGRAMS = (
    endless("a busy loop", "while True: pass"),
    endless("a loop in C", "sum(range(10**12))"),
    endless("a search in C", "0 in iter(lambda: 1, 2)"),
    endless(
        "a loop in C that never looks at signals",
        """
import collections, itertools
collections.deque(itertools.repeat(0), maxlen=0)
""",
    ),
    endless(
        "regex backtracking",
        """
import re
re.match(r'(a+)+$', 'a' * 50 + 'b')
""",
    ),
    endless(
        "regex backtracking over alternatives",
        """
import re
re.match(r'(a|a|aa)*$', 'a' * 60 + 'b')
""",
    ),
    endless("a huge power", "10 ** 10 ** 8"),
    endless("a huge modular power", "pow(3, 1 << 3_000_000, (1 << 3_000_000) + 1)"),
    endless(
        "a factorial",
        """
import math
math.factorial(10**8)
""",
    ),
    endless(
        "the digits of a huge number",
        """
import sys
sys.set_int_max_str_digits(0)
len(str(1 << 60_000_000))
""",
    ),
    HostileProgram("the digits of a number over Python's own limit", "str(1 << 60_000_000)", ERROR),
    endless(
        "decimals of absurd precision",
        """
import decimal
decimal.getcontext().prec = 10**6
while True: decimal.Decimal(2).sqrt()
""",
    ),
    endless(
        "fractions that grow",
        """
from fractions import Fraction
x = Fraction(1, 3)
while True: x = x * x + x
""",
    ),
    endless(
        "sorting by a comparison that never ends",
        """
class A:
    def __lt__(self, other):
        while True: pass
sorted([A(), A()])
""",
    ),
    endless(
        "a dictionary whose keys all collide",
        """
class A:
    def __hash__(self): return 1
    def __eq__(self, other): return False
{A(): i for i in range(100_000)}
""",
    ),
    endless(
        "permutations",
        """
import itertools
sum(1 for _ in itertools.permutations(range(40)))
""",
    ),
    endless(
        "a loop that catches everything",
        """
while True:
    try:
        while True: pass
    except BaseException: pass
""",
    ),
    endless(
        "a loop that goes on in finally",
        """
def f():
    while True:
        try:
            while True: pass
        finally:
            f()
f()
""",
    ),
    endless(
        "a context manager that swallows",
        """
import contextlib
while True:
    with contextlib.suppress(BaseException):
        while True: pass
""",
    ),
    endless(
        "a finalizer that never ends",
        """
class A:
    def __del__(self):
        while True: pass
A()
while True: pass
""",
    ),
    endless(
        "finalizers that bring themselves back",
        """
class A:
    def __del__(self):
        kept.append(A())
kept = [A()]
while True: kept.pop()
""",
    ),
    endless(
        "a callback of weak references that never ends",
        """
import weakref
class A: pass
a = A()
def f(_):
    while True: pass
r = weakref.ref(a, f)
del a
while True: pass
""",
    ),
    endless(
        "a generator without end",
        """
def f():
    while True: yield
for _ in f(): pass
""",
    ),
    endless(
        "a generator that refuses to close",
        """
def f():
    while True:
        try: yield
        except BaseException: pass
while True:
    try:
        for _ in f(): pass
    except BaseException: pass
""",
    ),
    endless("compiling again and again", "while True: compile('x = 1\\n' * 1000, 'a', 'exec')"),
    endless("classes again and again", "while True: type('A', (), {'x': 1})"),
    endless(
        "a hash over and over",
        """
import hashlib
while True: hashlib.sha256(bytes(10**6))
""",
    ),
    endless(
        "compressing without end",
        """
import zlib
while True: zlib.compress(bytes(10**6), 9)
""",
    ),
    endless(
        "an event loop that feeds itself",
        """
import asyncio
async def main():
    loop = asyncio.get_running_loop()
    def again(): loop.call_soon(again)
    again()
    await asyncio.Event().wait()
asyncio.run(main())
""",
    ),
    endless(
        "a task that refuses to be cancelled",
        """
import asyncio
async def main():
    while True:
        try: await asyncio.sleep(0)
        except BaseException: pass
asyncio.run(main())
""",
    ),
    endless(
        "reducing in C, again and again",
        """
import functools
while True: functools.reduce(lambda a, b: a, range(10**6))
""",
    ),
    endless(
        "loops under a trace function that never ends",
        """
import sys
def trace(*_):
    while True: pass
sys.settrace(trace)
def f(): pass
f()
""",
        alters_itself=True,
    ),
    endless(
        "an interrupt that is ignored",
        """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
while True: pass
""",
        alters_itself=True,
    ),
    endless(
        "an interrupt whose handler never ends",
        """
import signal
def handler(*_):
    while True: pass
signal.signal(signal.SIGINT, handler)
while True: pass
""",
        alters_itself=True,
    ),
    HostileProgram(
        "an exit function that never ends",
        """
import atexit
@atexit.register
def f():
    while True: pass
""",
        TIMEOUT,
        short=True,
        final=True,
    ),
    HostileProgram(
        "a thousand nested finally blocks",
        """
code = ''
for i in range(90):
    code += '  ' * i + 'try:\\n'
code += '  ' * 90 + '1 / 0\\n'
for i in range(89, -1, -1):
    code += '  ' * i + 'finally: pass\\n'
exec(code)
""",
        ERROR,
    ),
    HostileProgram(
        "text that is expensive to compare",
        """
import difflib
difflib.SequenceMatcher(None, 'ab' * 20_000, 'ba' * 20_000, autojunk=False).ratio()
""",
        TIMEOUT,
        short=True,
    ),
    HostileProgram(
        "a list that is sorted while it changes",
        """
a = list(range(1000))
def key(x):
    a.append(x)
    return x
a.sort(key=key)
""",
        ERROR,
    ),
    HostileProgram(
        "a list that grows while it is walked",
        """
a = [0]
for x in a: a.append(x)
""",
        MEMORY,
    ),
    HostileProgram(
        "a finalizer at the exit that never ends",
        """
import weakref
class A: pass
a = A()
def f():
    while True: pass
weakref.finalize(a, f)
""",
        TIMEOUT,
        short=True,
        final=True,
    ),
    HostileProgram(
        "finalizers that raise, one after the other",
        """
class A:
    def __del__(self): raise ValueError('x' * 1000)
for _ in range(10_000): A()
""",
        OUTPUT,
    ),
    endless(
        "an asynchronous generator without end",
        """
async def f():
    while True: yield
async for _ in f(): pass
""",
    ),
    endless(
        "an asynchronous generator that refuses to close",
        """
async def f():
    while True:
        try: yield
        except BaseException: pass
g = f()
await anext(g)
while True:
    try: await g.aclose()
    except (RuntimeError, StopAsyncIteration): pass
""",
    ),
    endless(
        "cycles with finalizers, collected again and again",
        """
import gc
class A:
    def __del__(self): kept.append(self)
kept = []
while True:
    a = A()
    a.a = a
    del a
    gc.collect()
    kept.clear()
""",
    ),
)
