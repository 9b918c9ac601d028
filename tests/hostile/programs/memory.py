"""Programs that ask for more memory than there is."""

from __future__ import annotations

from hostile_program import CRASHED, ERROR, MEMORY, OK, TIMEOUT, HostileProgram

PROGRAMS = (
    HostileProgram("bytes at once", "bytes(10**9)", MEMORY),
    HostileProgram("bytes of an impossible size", "bytes(2**31 - 1)", ERROR),
    HostileProgram("a number over the address space", "bytes(2**62)", ERROR),
    HostileProgram(
        "bytes little by little",
        """
a = bytearray()
while True:
    a += bytes(100_000)
""",
        MEMORY,
    ),
    HostileProgram(
        "blocks that are kept",
        """
a = []
while True:
    a.append(bytes(100_000))
""",
        MEMORY,
    ),
    HostileProgram("a list by multiplication", "[0] * 10**9", ERROR),
    HostileProgram("a list from an iterator without end", "list(iter(int, 1))", MEMORY),
    HostileProgram(
        "a list that doubles",
        """
a = [0]
while True: a += a
""",
        MEMORY,
    ),
    HostileProgram(
        "a tuple that doubles",
        """
a = (0,)
while True: a += a
""",
        MEMORY,
    ),
    HostileProgram(
        "a dictionary that grows",
        """
a = {}
while True:
    a[len(a)] = bytes(100)
""",
        MEMORY,
    ),
    HostileProgram(
        "a set that grows",
        """
a = set()
while True: a.add((len(a), bytes(200)))
""",
        MEMORY,
    ),
    HostileProgram(
        "text that doubles",
        """
a = 'ab'
while True: a += a
""",
        MEMORY,
    ),
    HostileProgram("text by join", "'x'.join(['y' * 10_000] * 100_000)", MEMORY),
    HostileProgram("text by width of a format", "'{:>1000000000}'.format('x')", MEMORY),
    HostileProgram("text by width of a percent format", "'%1000000000d' % 1", MEMORY),
    HostileProgram("text by precision of a format", "'{:.1000000000f}'.format(1)", MEMORY),
    HostileProgram("text by replacing", "('a' * 10**5).replace('a', 'b' * 10**4)", MEMORY),
    HostileProgram("text by expanding tabs", "('\\t' * 10**5).expandtabs(10**5)", ERROR),
    HostileProgram("text that is four times as wide", "('\\U0001f600' * 30_000_000)", MEMORY),
    HostileProgram("a number by shifting", "1 << 2_000_000_000", MEMORY),
    HostileProgram(
        "a MemoryError that is caught for ever",
        """
a = []
while True:
    try:
        while True:
            a.append(bytes(1_000_000))
    except MemoryError:
        pass
""",
        TIMEOUT,
        short=True,
        alters_itself=True,
    ),
    HostileProgram(
        "a MemoryError that is caught, and then nothing more",
        """
try:
    bytes(10**9)
except MemoryError:
    pass
""",
        OK,
    ),
    HostileProgram(
        "the last byte of memory, and then a traceback",
        """
a = []
size = 10**7
while size > 1:
    try:
        a.append(bytearray(size))
    except MemoryError:
        size //= 2
1 / 0
""",
        MEMORY,
        in_wasi=MEMORY | ERROR | CRASHED,
        alters_itself=True,
    ),
    HostileProgram(
        "a bomb for zlib",
        """
import zlib
c = zlib.compressobj(9)
first, again = (c.compress(bytes(10**6)) + c.flush(zlib.Z_FULL_FLUSH) for _ in 'ab')
small = first + again * 200
zlib.decompress(small)
""",
        MEMORY,
    ),
    HostileProgram(
        "a bomb for gzip",
        """
import gzip, io, zlib
c = zlib.compressobj(9, wbits=31)
first, again = (c.compress(bytes(10**6)) + c.flush(zlib.Z_FULL_FLUSH) for _ in 'ab')
small = first + again * 200
gzip.GzipFile(fileobj=io.BytesIO(small)).read()
""",
        MEMORY,
    ),
    HostileProgram(
        "a zip of zips",
        """
import io, zipfile
inner = bytes(10**6)
for _ in range(3):
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED) as z:
        for i in range(20):
            z.writestr(str(i), inner)
    inner = file.getvalue()
def unpack(data, kept):
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        for name in z.namelist():
            inside = z.read(name)
            kept.append(inside)
            if inside[:2] == b'PK':
                unpack(inside, kept)
unpack(inner, [])
""",
        MEMORY,
    ),
    HostileProgram(
        "a zip that says a wrong size",
        """
import io, struct, zipfile
file = io.BytesIO()
with zipfile.ZipFile(file, 'w') as z:
    z.writestr('a', b'x')
data = bytearray(file.getvalue())
at = data.index(b'PK\\1\\2')
struct.pack_into('<II', data, at + 20, 2**31, 2**31)
zipfile.ZipFile(io.BytesIO(bytes(data))).read('a')
""",
        ERROR,
    ),
    HostileProgram(
        "XML entities that multiply",
        """
import xml.etree.ElementTree as tree
entities = '<!ENTITY a0 "haha">'
for i in range(1, 20):
    entities += f'<!ENTITY a{i} "' + f'&a{i - 1};' * 10 + '">'
tree.fromstring(f'<!DOCTYPE x [{entities}]><x>&a19;</x>')
""",
        ERROR,
    ),
    HostileProgram(
        "XML with one long entity many times",
        """
import xml.etree.ElementTree as tree
tree.fromstring(f'<!DOCTYPE x [<!ENTITY a "{"x" * 100_000}">]><x>{"&a;" * 100_000}</x>')
""",
        ERROR,
    ),
    HostileProgram(
        "a pickle that asks for a large buffer",
        """
import pickle
pickle.loads(b'\\x80\\x04\\x8e' + (2**31 - 10).to_bytes(8, 'little') + b'x.')
""",
        ERROR,
    ),
    HostileProgram(
        "a pickle that puts at a large index",
        """
import pickle
pickle.loads(b'\\x80\\x04Nr\\xff\\xff\\xff\\x7f.')
""",
        ERROR,
        in_wasi=OK,
    ),
    HostileProgram(
        "compiling a huge source", "compile('x = [' + '1,' * 3_000_000 + ']', 'a', 'exec')", MEMORY
    ),
    HostileProgram(
        "folding constants",
        "compile('x = ' + '(' * 50 + '\"a\" * 4096' + ')*9' * 50, 'a', 'exec')",
        OK,
    ),
    HostileProgram(
        "a regular expression with large repeats",
        """
import re
re.compile('(?:' * 30 + 'a{1000}' + '){1000}' * 30)
""",
        OK,
    ),
    HostileProgram(
        "an array of the largest size",
        """
import array
array.array('d', bytes(8)) * 2**28
""",
        ERROR,
    ),
    HostileProgram(
        "a view as large as memory",
        "memoryview(bytearray(60_000_000)).tolist()",
        MEMORY,
    ),
    HostileProgram(
        "anonymous maps",
        """
import mmap
a = [mmap.mmap(-1, 10**7) for _ in range(100)]
""",
        ERROR,
        in_wasi=MEMORY,
    ),
    HostileProgram(
        "cycles that are never collected",
        """
import gc
gc.disable()
while True:
    a = [bytes(1000)]
    a.append(a)
""",
        MEMORY,
        alters_itself=True,
    ),
    HostileProgram(
        "a buffer in memory that is written far out",
        """
import io
b = io.BytesIO()
b.seek(2**30)
b.write(b'x')
""",
        MEMORY,
    ),
    HostileProgram(
        "interned names without end",
        """
import sys
a = []
while True: a.append(sys.intern('n' * 1000 + str(len(a))))
""",
        MEMORY,
    ),
)
