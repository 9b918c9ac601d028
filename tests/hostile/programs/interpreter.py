"""Programs that turn against the interpreter that runs them."""

from __future__ import annotations

from hostile_program import CRASHED, ERROR, OK, OUTPUT, TIMEOUT, HostileProgram

from hermetic_runtime.reported import Outcome


def altering(name: str, code: str, outcomes: frozenset[Outcome]) -> HostileProgram:
    """A program after which its interpreter may be of no use."""
    return HostileProgram(name, code, outcomes, alters_itself=True)


PROGRAMS = (
    altering(
        "memory read at zero",
        """
import ctypes
ctypes.string_at(0)
""",
        ERROR,
    ),
    altering(
        "memory written anywhere",
        """
import ctypes
ctypes.memset(0x10000, 255, 10**6)
""",
        ERROR,
    ),
    altering(
        "a library of the host",
        """
import ctypes
ctypes.CDLL('libc.so.6').system(b'id')
""",
        ERROR,
    ),
    altering(
        "an extension module of its own making",
        """
import importlib.machinery, importlib.util
open('/tmp/evil.so', 'wb').write(b'\\0asm\\1\\0\\0\\0')
loader = importlib.machinery.ExtensionFileLoader('evil', '/tmp/evil.so')
importlib.util.module_from_spec(importlib.util.spec_from_loader('evil', loader))
""",
        ERROR,
    ),
    altering(
        "calls to a host that is not there",
        """
import js
js.eval('1')
""",
        ERROR,
    ),
    altering(
        "calls of the interpreter's own host",
        """
import _host
print([n for n in dir(_host)])
_host.call('x', b'')
""",
        ERROR,
    ),
    altering(
        "bytecode made of noise",
        """
def f(): pass
import random
r = random.Random(1)
for _ in range(200):
    code = bytes(r.randrange(256) for _ in range(64))
    try:
        exec(f.__code__.replace(co_code=code, co_stacksize=50))
    except BaseException: pass
""",
        CRASHED,
    ),
    altering(
        "bytecode that reaches outside its constants",
        """
def f(): return 1
import dis
code = bytes([dis.opmap['LOAD_CONST'], 255, dis.opmap['RETURN_VALUE'], 0])
print(exec(f.__code__.replace(co_code=code, co_consts=())))
""",
        ERROR,
    ),
    altering(
        "bytecode whose stack is too small",
        """
def f(): return [1, 2, 3, [4, 5, [6, 7]]]
exec(f.__code__.replace(co_stacksize=0))
""",
        OK,
    ),
    altering(
        "a jump out of the code",
        """
def f():
    while True: pass
import dis
exec(f.__code__.replace(co_code=bytes([dis.opmap['JUMP_FORWARD'], 255] * 4)))
""",
        OK | ERROR | CRASHED,
    ),
    altering(
        "marshalled data that is damaged",
        """
import marshal, random
r = random.Random(2)
whole = marshal.dumps(compile('def f(a, *b, c=1):\\n  return [a for a in b]\\nf(1)', 'a', 'exec'))
for _ in range(2000):
    damaged = bytearray(whole)
    for _ in range(3): damaged[r.randrange(len(damaged))] = r.randrange(256)
    try: marshal.loads(bytes(damaged))
    except BaseException: pass
""",
        OK,
    ),
    altering(
        "marshalled code that is damaged, executed",
        """
import marshal, random
r = random.Random(3)
whole = marshal.dumps(compile('def f(a, *b, c=1):\\n  return [a for a in b]\\nf(1)', 'a', 'exec'))
for _ in range(300):
    damaged = bytearray(whole)
    damaged[r.randrange(len(damaged))] = r.randrange(256)
    try: exec(marshal.loads(bytes(damaged)), {})
    except BaseException: pass
""",
        CRASHED,
    ),
    HostileProgram(
        "a pickle that executes",
        """
import pickle
pickle.loads(b'cos\\nsystem\\n(S"id"\\ntR.')
""",
        OK,
        in_wasi=ERROR,
    ),
    HostileProgram(
        "pickles made of noise",
        """
import pickle, random
r = random.Random(4)
for _ in range(2000):
    try: pickle.loads(bytes(r.randrange(256) for _ in range(40)))
    except BaseException: pass
""",
        OK,
    ),
    altering(
        "built-in functions replaced",
        """
import builtins
for name in dir(builtins):
    if name[0] != '_' and name not in ('setattr',):
        setattr(builtins, name, None)
""",
        ERROR,
    ),
    altering("built-in functions removed", "__builtins__.__dict__.clear()", ERROR),
    altering(
        "built-in functions of the frame replaced",
        """
__builtins__ = {}
print(1)
""",
        OK,
    ),
    altering(
        "modules removed",
        """
import sys
sys.modules.clear()
import json
""",
        ERROR,
    ),
    altering(
        "modules of the agent replaced",
        """
import sys
for name in list(sys.modules):
    if 'hermetic' in name or name in ('io', 'traceback', 'ast', 'json'):
        sys.modules[name] = None
1 / 0
""",
        ERROR,
    ),
    altering(
        "functions of the agent replaced",
        """
import sys, types
for name, module in list(sys.modules.items()):
    if name.startswith('hermetic_guest'):
        for key, value in list(vars(module).items()):
            if isinstance(value, types.FunctionType):
                value.__code__ = (lambda *a, **k: {'outcome': 'ok'}).__code__
42
""",
        ERROR,
    ),
    altering(
        "objects of the agent searched for and changed",
        """
import gc
for thing in gc.get_objects():
    if type(thing) is dict and 'hermetic' in str(thing.get('__name__', '')):
        for key in list(thing):
            if key[:2] != '__': thing[key] = print
42
""",
        OK,
    ),
    altering(
        "frames below walked and changed",
        """
import sys
frame = sys._getframe()
while frame:
    for name in list(frame.f_locals):
        try: frame.f_locals[name] = None
        except BaseException: pass
    frame = frame.f_back
""",
        ERROR,
    ),
    altering(
        "an exception that raises when it is shown",
        """
class Bad(BaseException):
    def __str__(self): raise Bad
    __repr__ = __str__
    def __getattribute__(self, name): raise Bad
raise Bad
""",
        ERROR,
    ),
    altering(
        "an exception with a name to deceive",
        "raise type('Timeout\\n\\x1b[2J' + 'x' * 10**5, (Exception,), {})('wall_seconds')",
        OUTPUT,
    ),
    altering(
        "an exception of a group that is deep",
        """
error = ValueError()
for _ in range(5000):
    error = ExceptionGroup('', [error])
raise error
""",
        ERROR,
    ),
    altering(
        "an exception hook that raises",
        """
import sys
def hook(*_): raise SystemExit(0)
sys.excepthook = hook
1 / 0
""",
        ERROR,
    ),
    altering(
        "a hook that cannot be shown",
        """
import sys
sys.unraisablehook = sys.exit
class A:
    def __del__(self): 1 / 0
A()
""",
        OK,
    ),
    altering(
        "an audit hook that refuses everything",
        """
import sys
def hook(*_): raise ValueError
sys.addaudithook(hook)
open('/tmp/a')
""",
        ERROR,
    ),
    altering(
        "a profile function that raises",
        """
import sys
def profile(*_): raise ValueError
sys.setprofile(profile)
len([])
""",
        ERROR,
    ),
    HostileProgram(
        "a trace function that changes lines",
        """
import sys
def trace(frame, event, arg):
    if event == 'line':
        try: frame.f_lineno += 1
        except ValueError: pass
    return trace
sys.settrace(trace)
def f():
    a = 1
    b = 2
    return a, b
f()
""",
        TIMEOUT,
        short=True,
        alters_itself=True,
    ),
    altering(
        "monitoring of every event",
        """
import sys
m = sys.monitoring
m.use_tool_id(1, 'x')
m.register_callback(1, m.events.INSTRUCTION, lambda *_: 1 / 0)
m.set_events(1, m.events.INSTRUCTION)
""",
        ERROR,
    ),
    altering(
        "an import hook that raises",
        """
import sys
class Finder:
    def find_spec(self, *_): raise SystemExit(3)
sys.meta_path.insert(0, Finder())
import wave
""",
        ERROR,
    ),
    altering(
        "a search path of something else",
        """
import sys
sys.path[:] = [object(), None, 1, '\\0']
import wave
""",
        ERROR,
    ),
    altering(
        "an exit from everywhere",
        """
import sys
class A:
    def __del__(self): sys.exit(5)
    def __iter__(self): sys.exit(6)
    def __hash__(self): sys.exit(7)
A()
{A()}
""",
        ERROR,
    ),
    HostileProgram(
        "an exit with something else",
        """
import sys
sys.exit({'a': [1] * 1000})
""",
        ERROR,
    ),
    HostileProgram(
        "an exit with a huge number",
        """
import sys
sys.exit(2**70)
""",
        OK,
    ),
    HostileProgram(
        "an exit from an exit function",
        """
import atexit, os
atexit.register(lambda: os._exit(9))
""",
        ERROR,
        final=True,
    ),
    HostileProgram(
        "an end past Python",
        """
import os
os._exit(7)
""",
        ERROR,
    ),
    HostileProgram(
        "an end by abort",
        """
import os
os.abort()
""",
        CRASHED,
    ),
    HostileProgram(
        "a crash on purpose",
        """
import faulthandler
faulthandler._sigsegv()
""",
        CRASHED,
    ),
    HostileProgram(
        "a fatal error on purpose",
        """
import faulthandler
faulthandler._fatal_error_c_thread()
""",
        ERROR,
    ),
    HostileProgram(
        "a null pointer on purpose",
        """
import _testcapi
_testcapi.crash_no_current_thread()
""",
        CRASHED,
        in_wasi=ERROR,
    ),
    HostileProgram(
        "a signal to itself",
        """
import os
os.kill(os.getpid(), 9)
""",
        ERROR,
    ),
    HostileProgram(
        "a signal to the parent",
        """
import os
os.kill(os.getppid(), 9)
""",
        ERROR,
    ),
    HostileProgram(
        "a signal to everybody",
        """
import os
os.kill(-1, 9)
""",
        ERROR,
    ),
    HostileProgram(
        "a signal raised",
        """
import signal
signal.raise_signal(signal.SIGTERM)
""",
        ERROR,
        in_wasi=CRASHED,
    ),
    HostileProgram(
        "processes without end",
        """
import os
while True: os.fork()
""",
        ERROR,
    ),
    HostileProgram(
        "another program",
        """
import os
os.execv('/bin/sh', ['sh'])
""",
        ERROR,
    ),
    HostileProgram(
        "a command",
        """
import subprocess
subprocess.run(['id'])
""",
        ERROR,
    ),
    HostileProgram(
        "a shell",
        """
import os
raise SystemExit(os.system('id') or 1)
""",
        ERROR,
    ),
    HostileProgram(
        "processes of a pool",
        """
import multiprocessing
multiprocessing.Process(target=print).start()
""",
        ERROR,
    ),
    HostileProgram(
        "threads without end",
        """
import threading
while True: threading.Thread(target=print).start()
""",
        ERROR,
    ),
    HostileProgram(
        "threads of a lower level",
        """
import _thread
while True: _thread.start_new_thread(print, ())
""",
        ERROR,
    ),
    HostileProgram(
        "another interpreter",
        """
import _interpreters
a = [_interpreters.create() for _ in range(100)]
""",
        ERROR,
    ),
    altering(
        "a garbage collector that is kept busy",
        """
import gc
gc.set_threshold(1, 1, 1)
class A:
    def __del__(self): gc.collect()
for _ in range(300):
    a = A()
    a.a = a
""",
        OK,
    ),
    altering(
        "a callback of the garbage collector that raises",
        """
import gc
def f(*_): raise SystemExit
gc.callbacks.append(f)
gc.collect()
""",
        OK,
    ),
    altering(
        "an object that is changed while it is used",
        """
class A:
    def __index__(self):
        b.clear()
        return 5
b = bytearray(10_000)
try: b[5:A()] = b'x' * 5000
except IndexError: pass
l = [0] * 1000
class B:
    def __eq__(self, other):
        l.clear()
        return False
B() in l
l.index(B()) if l else None
""",
        OK,
    ),
    altering(
        "a known way to corrupt memory",
        """
import gc
t = (0,)
referrers = [x for x in gc.get_referrers(t)]
class A:
    def __del__(self): globals().clear()
globals()['a'] = A()
del a
""",
        OK,
    ),
    HostileProgram("a source with zeros", "exec(b'a = 1\\0b = 2')", ERROR),
    HostileProgram(
        "a source of an unknown coding", "exec(b'# coding: nonsense\\nprint(1)')", ERROR
    ),
    HostileProgram(
        "a source of another coding", "exec(b'# coding: utf-7\\n+AGE-=1\\nprint(a)')", OK
    ),
    HostileProgram(
        "an audit hook that never ends",
        """
import sys
def hook(*_):
    while True: pass
sys.addaudithook(hook)
open('/tmp/a')
""",
        TIMEOUT,
        short=True,
        alters_itself=True,
    ),
    altering(
        "an audit hook that ends the process",
        """
import os, sys
sys.addaudithook(lambda *_: os._exit(5))
open('/tmp/a')
""",
        ERROR,
    ),
    altering(
        "an audit hook that counts, and refuses the agent",
        """
import sys
def hook(event, arguments):
    if event == 'compile': raise SystemExit(9)
sys.addaudithook(hook)
42
""",
        OK,
    ),
    altering(
        "an audit hook that recurses",
        """
import sys
def hook(event, arguments):
    if event == 'recurse': sys.audit('recurse')
sys.addaudithook(hook)
sys.audit('recurse')
""",
        ERROR,
    ),
    HostileProgram(
        "marshalled data that asks for a large object",
        """
import marshal
for kind in b's', b'u', b'a', b'(', b'[', b'<', b'>', b'l':
    for size in (b'\\xff\\xff\\xff\\x7f', b'\\xff\\xff\\xff\\xff', b'\\0\\0\\0\\x80'):
        try: marshal.loads(kind + size)
        except (EOFError, ValueError, TypeError, MemoryError, OverflowError): pass
""",
        OK,
    ),
    HostileProgram(
        "marshalled data that refers to what is not there",
        """
import marshal
for data in (b'r\\0\\0\\0\\0', b'r\\xff\\xff\\xff\\xff', b'\\xfb'):
    try: marshal.loads(data)
    except (EOFError, ValueError, TypeError): pass
""",
        OK,
    ),
    altering(
        "a codec that raises in every print",
        """
import codecs, sys
def search(name): raise SystemExit(3)
codecs.register(search)
'x'.encode('something else')
""",
        ERROR,
    ),
    altering(
        "a display hook and a repr of its own for everything",
        """
import builtins
builtins.repr = lambda _: 7
builtins.str = builtins.len = builtins.isinstance = builtins.getattr = builtins.repr
42
""",
        ERROR,
    ),
    altering(
        "the request of the agent read and answered",
        """
import sys
frame = sys._getframe()
while frame.f_back: frame = frame.f_back
frame.f_locals['request'] = b'forged'
raise SystemExit(repr(frame.f_code.co_name)[:20])
""",
        ERROR,
    ),
)
