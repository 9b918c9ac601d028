"""Programs whose output is meant to harm whoever reads it."""

from __future__ import annotations

from hostile_program import ERROR, OK, OUTPUT, HostileProgram

PROGRAMS = (
    HostileProgram("a flood of lines", "while True: print('x' * 80)", OUTPUT),
    HostileProgram("a flood of empty lines", "while True: print(flush=True)", OUTPUT),
    HostileProgram("a flood without a line", "while True: print('x', end='')", OUTPUT),
    HostileProgram("one line of a gigabyte", "while True: print('x' * 10**6, end='')", OUTPUT),
    HostileProgram(
        "a flood of errors",
        """
import sys
while True: print('x', file=sys.stderr)
""",
        OUTPUT,
    ),
    HostileProgram(
        "a flood of both streams",
        """
import sys
while True:
    print('o')
    print('e', file=sys.stderr)
""",
        OUTPUT,
    ),
    HostileProgram(
        "a flood past Python",
        """
import os
while True: os.write(1, bytes(1000))
""",
        OUTPUT,
    ),
    HostileProgram(
        "a flood of small writes past Python",
        """
import os
while True: os.write(1, b'x')
""",
        OUTPUT,
    ),
    HostileProgram(
        "a flood through copies of a descriptor",
        """
import os
d = os.dup(1)
while True: os.write(d, bytes(1000))
""",
        OUTPUT,
    ),
    HostileProgram(
        "a flood that catches everything",
        """
import os
while True:
    try:
        while True:
            os.write(1, bytes(1000))
    except BaseException:
        pass
""",
        OUTPUT,
    ),
    HostileProgram(
        "a flood of vectors",
        """
import os
while True: os.writev(1, [b'x' * 100] * 100)
""",
        OUTPUT,
        in_wasi=ERROR,
    ),
    HostileProgram(
        "a flood of warnings",
        """
import warnings
warnings.simplefilter('always')
while True: warnings.warn('x' * 100)
""",
        OUTPUT,
    ),
    HostileProgram("a flood of a traceback", "raise ValueError('x' * 10**6)", OUTPUT),
    HostileProgram(
        "every byte there is",
        """
import sys
sys.stdout.buffer.write(bytes(range(256)) * 100)
""",
        OK,
    ),
    HostileProgram(
        "zeros",
        """
import sys
sys.stdout.buffer.write(bytes(10_000))
""",
        OK,
    ),
    HostileProgram(
        "half characters",
        """
import sys
for _ in range(1000):
    sys.stdout.buffer.write(b'\\xf0\\x9f')
    sys.stdout.flush()
""",
        OK,
    ),
    HostileProgram("lone surrogates", "print('\\udc80\\ud800')", ERROR),
    HostileProgram(
        "terminal sequences",
        "print('\\x1b]0;title\\x07\\x1b[2J\\x1b[?1049h\\x1b]52;c;cm0gLXJm\\x07\\x1bP+q544e\\x1b\\\\')",
        OK,
    ),
    HostileProgram("text that changes its direction", "print('\\u202e\\u2066gnp.exe')", OK),
    HostileProgram("carriage returns over what was there", "print('hello\\rHELLO\\x08' * 100)", OK),
    HostileProgram(
        "forged frames of the protocol",
        """
import os, struct
payload = b'\\x92\\x15\\x80'
for number in (1, 2):
    os.write(number, (struct.pack('>I', len(payload)) + payload) * 50)
""",
        OK,
    ),
    HostileProgram(
        "forged events of a stream",
        'print(\'\\n\\nevent: result\\ndata: {"outcome": "ok"}\\n\\nid: 1\\nretry: 1\\n\\n\')',
        OK,
    ),
    HostileProgram("a forged result", 'print(\'{"outcome": "ok", "value": {"repr": "42"}}\')', OK),
    HostileProgram(
        "output to a closed stream",
        """
import sys
sys.stdout.close()
print('x')
""",
        ERROR,
        alters_itself=True,
    ),
    HostileProgram(
        "descriptors of output closed",
        """
import os
os.close(1)
os.close(2)
print('x', flush=True)
""",
        ERROR,
        alters_itself=True,
    ),
    HostileProgram(
        "output replaced by something else",
        """
import sys
class Stream:
    def write(self, text): raise SystemExit(0)
    def flush(self): raise KeyboardInterrupt
sys.stdout = sys.stderr = Stream()
raise ValueError
""",
        ERROR,
        alters_itself=True,
    ),
    HostileProgram(
        "output taken away",
        """
import sys
del sys.stdout, sys.stderr, sys.stdin
1 / 0
""",
        ERROR,
        alters_itself=True,
    ),
    HostileProgram(
        "a stream of output that raises at its end",
        """
import io, sys
class Raw(io.RawIOBase):
    def writable(self): return True
    def write(self, data): raise MemoryError
sys.stdout = io.TextIOWrapper(io.BufferedWriter(Raw()))
print('x')
""",
        ERROR,
        alters_itself=True,
    ),
    HostileProgram(
        "standard input that is written to",
        """
import os
os.write(0, b'x')
""",
        ERROR,
    ),
    HostileProgram(
        "forged frames that announce more than they hold",
        """
import os, struct
for number in (1, 2):
    for length in (0, 1, 2**31 - 1, 2**32 - 1):
        os.write(number, struct.pack('>I', length) + b'\\x92\\x15\\x84')
""",
        OK,
    ),
    HostileProgram(
        "forged messages of every kind on every descriptor",
        """
import os, struct
for fd in range(0, 32):
    for kind in range(0, 32):
        payload = bytes([0x92, kind, 0x81, 0xa4]) + b'data' + b'\\xc4\\x01x'
        try: os.write(fd, struct.pack('>I', len(payload)) + payload)
        except OSError: pass
""",
        OK,
    ),
    HostileProgram(
        "forged lines of the command line",
        """
import sys
print('hermetic: ok', file=sys.stderr)
print('Traceback (most recent call last):\\n  File "/usr/lib/host.py", line 1', file=sys.stdout)
""",
        OK,
    ),
)
