"""Programs that misuse descriptors, pipes and sockets."""

from __future__ import annotations

from hostile_program import ERROR, OK, TIMEOUT, HostileProgram

PROGRAMS = (
    HostileProgram(
        "descriptors without end",
        """
kept = []
while True: kept.append(open('/dev/null'))
""",
        ERROR,
    ),
    HostileProgram(
        "copies without end",
        """
import os
while True: os.dup(1)
""",
        ERROR,
        alters_itself=True,
    ),
    HostileProgram(
        "pipes without end",
        """
import os
while True: os.pipe()
""",
        ERROR,
        alters_itself=True,
    ),
    HostileProgram(
        "every descriptor closed",
        """
import os
os.closerange(0, 100_000)
1 / 0
""",
        ERROR,
        alters_itself=True,
    ),
    HostileProgram(
        "descriptors that never were",
        """
import os
for fd in (-1, 99, 10**6, 2**31 - 1, -2**31):
    for call in (os.close, os.fsync, os.fstat, os.dup, lambda fd: os.read(fd, 1)):
        try: call(fd)
        except (OSError, ValueError): pass
""",
        OK,
    ),
    HostileProgram(
        "a copy to a huge number",
        """
import os
os.dup2(1, 2**31 - 1)
""",
        ERROR,
    ),
    HostileProgram(
        "output sent into a pipe that nobody reads",
        """
import os
r, w = os.pipe()
os.set_blocking(w, False)
while True:
    os.write(w, bytes(10_000))
""",
        ERROR,
    ),
    HostileProgram(
        "a pipe that is never written",
        """
import os
r, w = os.pipe()
os.read(r, 1)
""",
        TIMEOUT,
        in_wasi=ERROR,
        short=True,
    ),
    HostileProgram(
        "a pipe that is full",
        """
import os
r, w = os.pipe()
while True: os.write(w, bytes(10_000))
""",
        TIMEOUT,
        in_wasi=ERROR,
        short=True,
    ),
    HostileProgram(
        "a pipe whose reader is gone",
        """
import os
r, w = os.pipe()
os.close(r)
os.write(w, b'x')
""",
        ERROR,
    ),
    HostileProgram(
        "a read as large as can be asked for",
        """
import os
fd = os.open('/dev/null', 0)
os.read(fd, 2**31 - 1)
""",
        ERROR,
    ),
    HostileProgram(
        "a connection",
        """
import socket
socket.create_connection(('127.0.0.1', 80), 1)
""",
        ERROR,
    ),
    HostileProgram(
        "a socket that listens",
        """
import socket
s = socket.socket()
s.bind(('127.0.0.1', 0))
s.listen()
""",
        ERROR,
    ),
    HostileProgram(
        "a name that is looked up",
        """
import socket
socket.getaddrinfo('localhost', 80)
""",
        ERROR,
    ),
    HostileProgram(
        "a socket of an inherited descriptor",
        """
import socket
socket.socket(fileno=3).recv(1)
""",
        ERROR,
    ),
    HostileProgram(
        "every inherited descriptor read and written",
        """
import os
for fd in range(3, 64):
    for call in (lambda: os.write(fd, b'forged'), lambda: os.read(fd, 1)):
        try: call()
        except OSError: pass
""",
        OK,
    ),
    HostileProgram(
        "a poll over too many",
        """
import select
p = select.poll()
for fd in range(100_000): p.register(fd, select.POLLIN)
p.poll(0)
""",
        ERROR,
    ),
    HostileProgram(
        "a select over what is not there",
        """
import select
select.select([99], [98], [97], 0)
""",
        OK,
        in_wasi=ERROR,
    ),
    HostileProgram(
        "control commands without sense",
        """
import fcntl
for command in range(0, 2000, 7):
    for argument in (0, -1, 2**31 - 1):
        try: fcntl.fcntl(1, command, argument)
        except (OSError, OverflowError): pass
        try: fcntl.ioctl(1, command * 1000, argument)
        except (OSError, OverflowError): pass
""",
        OK,
        in_wasi=ERROR,
        alters_itself=True,
    ),
    HostileProgram(
        "a map of a file that is gone",
        """
import mmap, os
with open('/tmp/a', 'wb+') as f:
    f.write(bytes(100_000))
    f.flush()
    m = mmap.mmap(f.fileno(), 100_000)
os.truncate('/tmp/a', 0)
os.unlink('/tmp/a')
m[:] = b'x' * 100_000
m.flush()
m.close()
""",
        ERROR,
        in_wasi=OK,
    ),
    HostileProgram(
        "a map that is larger than its file",
        """
import mmap
f = open('/tmp/a', 'wb+')
mmap.mmap(f.fileno(), 2**31 - 1)
""",
        ERROR,
    ),
)
