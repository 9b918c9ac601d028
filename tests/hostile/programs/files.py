"""Programs that misuse files, folders and names."""

from __future__ import annotations

from hostile_program import DISK, ERROR, MEMORY, OK, HostileProgram

PROGRAMS = (
    HostileProgram(
        "a disk that is filled",
        """
with open('/workspace/a', 'wb') as f:
    while True: f.write(bytes(100_000))
""",
        DISK,
    ),
    HostileProgram(
        "a disk that is filled to its last byte",
        """
import os
fd = os.open('/tmp/a', os.O_RDWR | os.O_CREAT)
size = 10**6
while size:
    try:
        os.write(fd, bytes(size))
    except OSError:
        size //= 2
os.write(fd, b'x')
""",
        DISK,
    ),
    HostileProgram(
        "a disk that is filled, emptied and filled",
        """
for _ in range(50):
    with open('/tmp/a', 'wb') as f:
        f.write(bytes(3_000_000))
""",
        OK,
    ),
    HostileProgram(
        "space that stays with a file that was removed",
        """
import os
kept = []
while True:
    kept.append(open('/tmp/a', 'wb'))
    kept[-1].write(bytes(1_000_000))
    kept[-1].flush()
    os.unlink('/tmp/a')
""",
        DISK,
    ),
    HostileProgram(
        "a million small files", "for i in range(10**6): open(f'/tmp/{i}', 'w').close()", DISK
    ),
    HostileProgram(
        "a million folders",
        """
import os
for i in range(10**6): os.mkdir(f'/tmp/{i}')
""",
        DISK,
    ),
    HostileProgram(
        "a million links",
        """
import os
open('/tmp/a', 'w').close()
for i in range(10**6): os.link('/tmp/a', f'/tmp/{i}')
""",
        ERROR,
        in_wasi=DISK,
    ),
    HostileProgram(
        "a million symbolic links",
        """
import os
for i in range(10**6): os.symlink('x' * 1000, f'/tmp/{i}')
""",
        DISK,
    ),
    HostileProgram(
        "folders without a bottom",
        """
import os
for i in range(10**6):
    os.mkdir('d')
    os.chdir('d')
""",
        ERROR,
        alters_itself=True,
    ),
    HostileProgram(
        "a sparse file",
        """
import os
fd = os.open('/tmp/a', os.O_RDWR | os.O_CREAT)
os.lseek(fd, 2**40, 0)
os.write(fd, b'x')
""",
        DISK,
    ),
    HostileProgram("a file made long", "open('/tmp/a', 'wb').truncate(2**62)", DISK),
    HostileProgram(
        "a file made longer than there are numbers",
        "open('/tmp/a', 'wb').truncate(2**63 - 1)",
        DISK,
    ),
    HostileProgram(
        "a file allocated at its end",
        """
import os
fd = os.open('/tmp/a', os.O_RDWR | os.O_CREAT)
os.posix_fallocate(fd, 2**62, 2**62)
""",
        ERROR,
    ),
    HostileProgram(
        "a position that overflows",
        """
import os
fd = os.open('/tmp/a', os.O_RDWR | os.O_CREAT)
os.lseek(fd, 2**63 - 1, 0)
os.lseek(fd, 2**63 - 1, 1)
""",
        ERROR,
    ),
    HostileProgram(
        "reading far behind the end",
        """
import os
fd = os.open('/tmp/a', os.O_RDWR | os.O_CREAT)
os.pread(fd, 10, 2**63 - 1)
""",
        OK,
    ),
    HostileProgram(
        "a link to itself",
        """
import os
os.symlink('/tmp/a', '/tmp/a')
open('/tmp/a')
""",
        ERROR,
    ),
    HostileProgram(
        "links in a circle",
        """
import os
os.symlink('/tmp/b', '/tmp/a')
os.symlink('/tmp/a', '/tmp/b')
open('/tmp/a/c', 'w')
""",
        ERROR,
    ),
    HostileProgram(
        "a chain of links",
        """
import os
open('/tmp/0', 'w').close()
for i in range(150):
    os.symlink(f'/tmp/{i}', f'/tmp/{i + 1}')
open('/tmp/150')
""",
        ERROR,
    ),
    HostileProgram(
        "links that multiply",
        """
import os
os.mkdir('/tmp/d0')
for i in range(30):
    os.symlink('/'.join([f'/tmp/d{i}/..'] * 2) + f'/d{i}', f'/tmp/d{i + 1}')
os.stat('/tmp/d30/' + '/'.join(['..'] * 100))
""",
        ERROR,
    ),
    HostileProgram("a long name", "open('/tmp/' + 'a' * 300, 'w')", ERROR),
    HostileProgram("a long path", "open('/tmp/' + 'a/' * 5000, 'w')", ERROR),
    HostileProgram("a path of nothing but slashes", "open('/' * 4000 + 'tmp/a', 'w')", OK),
    HostileProgram(
        "a path of dots",
        """
import os
os.listdir('/' + '../' * 1300)
""",
        OK,
    ),
    HostileProgram("a name with a zero", "open('/tmp/a\\0b', 'w')", ERROR),
    HostileProgram(
        "a name that is not text",
        """
import os
open(b'/tmp/\\xff\\xfe\\n', 'w').close()
print(os.listdir('/tmp'))
""",
        OK,
    ),
    HostileProgram(
        "names for the host to stumble over",
        """
names = ['-rf', '~', '*', '$(id)', '`id`', 'a\\nb', 'CON', '..a', 'a\\\\b', '\\x1b[2J', '%00']
for name in names:
    open('/workspace/' + name, 'w').close()
""",
        OK,
    ),
    HostileProgram(
        "out of the workspace by dots",
        "open('/workspace/../../../../../../etc/passwd').read()",
        ERROR,
    ),
    HostileProgram(
        "out of the workspace by a link",
        """
import os
os.symlink('../../../../../../etc', '/workspace/e')
open('/workspace/e/passwd').read()
""",
        ERROR,
    ),
    HostileProgram("through links of descriptors", "open('/proc/self/fd/0').read()", ERROR),
    HostileProgram("the memory of the process", "open('/proc/self/mem', 'rb+')", ERROR),
    HostileProgram("the environment of the process", "open('/proc/self/environ').read()", ERROR),
    HostileProgram("a device of the host", "open('/dev/mem', 'rb').read(1)", ERROR),
    HostileProgram("a terminal of the host", "open('/dev/tty', 'w')", ERROR),
    HostileProgram("a device without an end", "open('/dev/zero', 'rb').read()", MEMORY),
    HostileProgram("a device that is full", "open('/dev/full', 'wb', 0).write(b'x')", ERROR),
    HostileProgram(
        "removing a device",
        """
import os
os.unlink('/dev/null')
""",
        ERROR,
    ),
    HostileProgram(
        "removing the interpreter",
        """
import os, shutil
os.unlink(os.__file__)
""",
        ERROR,
    ),
    HostileProgram(
        "writing to the interpreter",
        """
import os
open(os.__file__, 'w').write('x')
""",
        ERROR,
    ),
    HostileProgram(
        "removing everything",
        """
import os
for root in ('/', '/tmp', '/workspace', '/usr', '/lib'):
    for folder, folders, files in os.walk(root, topdown=False):
        for name in files[:50]:
            try: os.unlink(os.path.join(folder, name))
            except OSError: pass
        try: os.rmdir(folder)
        except OSError: pass
""",
        OK,
        alters_itself=True,
    ),
    HostileProgram(
        "removing the root",
        """
import os
os.rmdir('/')
""",
        ERROR,
    ),
    HostileProgram(
        "a folder moved into itself",
        """
import os
os.makedirs('/tmp/a/b')
os.rename('/tmp/a', '/tmp/a/b/c')
""",
        ERROR,
    ),
    HostileProgram(
        "the workspace moved away",
        """
import os
os.rename('/workspace', '/tmp/w')
""",
        ERROR,
        alters_itself=True,
    ),
    HostileProgram(
        "a working folder that is gone",
        """
import os
os.mkdir('/tmp/d')
os.chdir('/tmp/d')
os.rmdir('/tmp/d')
open('a', 'w')
""",
        ERROR,
        alters_itself=True,
    ),
    HostileProgram(
        "a file that is renamed while it is written",
        """
import os
f = open('/tmp/a', 'wb')
for i in range(2000):
    f.write(bytes(100))
    f.flush()
    os.rename('/tmp/a', '/tmp/b')
    os.rename('/tmp/b', '/tmp/a')
print(os.path.getsize('/tmp/a'))
""",
        OK,
    ),
    HostileProgram(
        "a folder that changes while it is listed",
        """
import os
for i in range(100):
    open(f'/tmp/{i}', 'w').close()
with os.scandir('/tmp') as entries:
    for entry in entries:
        os.rename(entry.path, entry.path + 'x')
        if len(entry.name) > 100:
            break
""",
        OK,
    ),
    HostileProgram(
        "modes and times without sense",
        """
import os
open('/tmp/a', 'w').close()
for mode in (0, 0o7777, 0o4755, 2**31 - 1):
    try: os.chmod('/tmp/a', mode)
    except OSError: pass
for time in (0, -1, 2**62, -2**62):
    try: os.utime('/tmp/a', ns=(time, time))
    except OSError: pass
os.stat('/tmp/a')
""",
        OK,
    ),
    HostileProgram(
        "a million temporary files",
        """
import tempfile
a = [tempfile.TemporaryFile() for _ in range(10**6)]
""",
        ERROR,
    ),
    HostileProgram(
        "a database that grows",
        """
import sqlite3
c = sqlite3.connect('/tmp/a.db')
c.execute('create table t (x)')
while True:
    c.execute('insert into t values (zeroblob(100000))')
    c.commit()
""",
        ERROR,
    ),
    HostileProgram(
        "two files that change places for ever",
        """
import os
for name in 'ab': open('/tmp/' + name, 'w').write(name)
files = [open('/tmp/' + name, 'r+') for name in 'ab']
for _ in range(3000):
    os.rename('/tmp/a', '/tmp/c')
    os.rename('/tmp/b', '/tmp/a')
    os.rename('/tmp/c', '/tmp/b')
for file in files:
    file.seek(0)
    file.truncate(1000)
print(sorted(os.listdir('/tmp')))
""",
        OK,
    ),
    HostileProgram(
        "a folder that is renamed while it is walked",
        """
import os
for i in range(20): os.makedirs(f'/tmp/a/{i}/x')
for folder, folders, files in os.walk('/tmp/a'):
    if os.path.exists('/tmp/a'): os.rename('/tmp/a', '/tmp/b')
    else: os.rename('/tmp/b', '/tmp/a')
""",
        OK,
    ),
    HostileProgram(
        "a file that becomes a link between the check and the use",
        """
import os
for target in ('/etc/passwd', '/proc/self/mem', '../../../../etc/shadow', '/lib'):
    open('/tmp/a', 'w').close()
    assert os.path.isfile('/tmp/a') and not os.path.islink('/tmp/a')
    os.unlink('/tmp/a')
    os.symlink(target, '/tmp/a')
    try: open('/tmp/a', 'w').write('x')
    except OSError: pass
    os.unlink('/tmp/a')
""",
        OK,
    ),
    HostileProgram(
        "a folder that becomes a link while it is open",
        """
import os
os.mkdir('/tmp/d')
fd = os.open('/tmp/d', os.O_RDONLY)
os.rename('/tmp/d', '/tmp/e')
os.symlink('../../..', '/tmp/d')
os.chdir('/tmp/d')
open('../../../etc/hermetic', 'w')
""",
        ERROR,
        alters_itself=True,
    ),
    HostileProgram(
        "a folder renamed over one that is open",
        """
import os
os.mkdir('/tmp/a')
os.mkdir('/tmp/b')
fd = os.open('/tmp/b', os.O_RDONLY)
os.rename('/tmp/a', '/tmp/b')
os.listdir('/tmp/b')
os.stat('x', dir_fd=fd)
""",
        ERROR,
    ),
    HostileProgram(
        "names that are renamed onto each other",
        """
import os
open('/tmp/f', 'w').close()
os.mkdir('/tmp/d')
os.symlink('d', '/tmp/l')
for old in ('/tmp/f', '/tmp/d', '/tmp/l', '/tmp', '/', '/dev/null', '.', '..', ''):
    for new in ('/tmp/f', '/tmp/d', '/tmp/l', '/tmp/d/x', '/', '/lib/x', '.', '..', ''):
        try: os.rename(old, new)
        except OSError: pass
""",
        OK,
        alters_itself=True,
    ),
)
