"""Memory-mapped files for WASI, which maps none: a copy in memory that is written back.

Changes of a shared map reach its file at `flush`, at `close` and at the end of the program, and
changes of the file don't reach the map. The rest is as `mmap` of CPython on Unix. (In Pyodide
the interpreter's own module is found first.)
"""

import atexit
import errno
import os
import weakref

ACCESS_DEFAULT, ACCESS_READ, ACCESS_WRITE, ACCESS_COPY = range(4)
MAP_SHARED, MAP_PRIVATE, MAP_ANON = 1, 2, 32
MAP_ANONYMOUS = MAP_ANON
PROT_READ, PROT_WRITE, PROT_EXEC = 1, 2, 4
MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED = range(5)
ALLOCATIONGRANULARITY = PAGESIZE = 4096
error = OSError

_READ_WRITE = PROT_READ | PROT_WRITE
_KINDS = {
    ACCESS_READ: (MAP_SHARED, PROT_READ),
    ACCESS_WRITE: (MAP_SHARED, _READ_WRITE),
    ACCESS_COPY: (MAP_PRIVATE, _READ_WRITE),
}
_open_maps = weakref.WeakSet()


class mmap:  # noqa: N801
    """A map of `length` bytes of a file, all to its end if 0; of no file if `fileno` is -1."""

    def __init__(
        self,
        fileno,
        length,
        flags=MAP_SHARED,
        prot=_READ_WRITE,
        access=ACCESS_DEFAULT,
        offset=0,
        *,
        trackfd=True,
    ):
        self._fd = -1
        self._data = None
        self._exports = 0
        self._written_back = False
        self._position = 0
        if length < 0:
            raise OverflowError("memory mapped length must be positive")
        if offset < 0:
            raise OverflowError("memory mapped offset must be positive")
        if access != ACCESS_DEFAULT:
            if (flags, prot) != (MAP_SHARED, _READ_WRITE):
                raise ValueError("mmap can't specify both access and flags, prot.")
            if access not in _KINDS:
                raise ValueError("mmap invalid access parameter.")
            flags, prot = _KINDS[access]
        if offset % ALLOCATIONGRANULARITY:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._readonly = not prot & PROT_WRITE
        self._offset = offset
        if fileno == -1 or flags & MAP_ANON:
            if length == 0:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            self._data = bytearray(length)
            return
        self._data = _contents(fileno, length, offset)
        if flags & MAP_SHARED and not self._readonly:
            _check_writable(fileno)
            self._written_back = True
            _open_maps.add(self)
        self._fd = os.dup(fileno)

    def close(self):
        if self._exports:
            raise BufferError("cannot close exported pointers exist")
        if self._data is not None:
            try:
                self.flush()
            finally:
                self._data = None
                if self._fd >= 0:
                    os.close(self._fd)
                    self._fd = -1

    @property
    def closed(self):
        return self._data is None

    def flush(self, offset=0, size=None, *, flags=0):
        data = self._open()
        if size is None:
            size = len(data) - offset
        if offset < 0 or size < 0 or offset + size > len(data):
            raise ValueError("flush values out of range")
        if self._written_back:
            end = offset + size
            while offset < end:
                offset += os.pwrite(self._fd, memoryview(data)[offset:end], self._offset + offset)

    def _open(self):
        if self._data is None:
            raise ValueError("mmap closed or invalid")
        return self._data

    def _writable(self):
        data = self._open()
        if self._readonly:
            raise TypeError("mmap can't modify a readonly memory map.")
        return data

    # As memory

    def __buffer__(self, flags):
        view = memoryview(self._open())
        self._exports += 1
        return view.toreadonly() if self._readonly else view

    def __release_buffer__(self, view):
        self._exports -= 1
        view.release()

    def __len__(self):
        return len(self._open())

    def __getitem__(self, key):
        found = self._open()[key]
        return bytes(found) if isinstance(key, slice) else found

    def __setitem__(self, key, value):
        data = self._writable()
        if isinstance(key, slice):
            value = bytes(value)
            if len(range(*key.indices(len(data)))) != len(value):
                raise IndexError("mmap slice assignment is wrong size")
        data[key] = value

    def __iter__(self):
        return (bytes((byte,)) for byte in self._open())

    def find(self, sub, start=None, end=None):
        return self._open().find(sub, self._position if start is None else start, end)

    def rfind(self, sub, start=None, end=None):
        return self._open().rfind(sub, self._position if start is None else start, end)

    def move(self, dest, src, count):
        data = self._writable()
        if min(dest, src, count) < 0 or max(dest, src) + count > len(data):
            raise ValueError("source, destination, or count out of range")
        data[dest : dest + count] = bytes(data[src : src + count])

    def madvise(self, option, start=0, length=None):
        self._open()

    def resize(self, newsize):
        self._open()
        raise SystemError("mmap: resizing not available--no mremap()")

    # As a file

    def size(self):
        """The size of the file, in bytes."""
        data = self._open()
        return os.fstat(self._fd).st_size if self._fd >= 0 else len(data)

    def tell(self):
        self._open()
        return self._position

    def seek(self, pos, whence=os.SEEK_SET):
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: len(self)}.get(whence)
        if start is None:
            raise ValueError("unknown seek type")
        if not 0 <= start + pos <= len(self):
            raise ValueError("seek out of range")
        self._position = start + pos
        return self._position

    def seekable(self):
        return True

    def read(self, n=None):
        data = self._open()
        end = len(data) if n is None or n < 0 else self._position + n
        found = bytes(data[self._position : end])
        self._position += len(found)
        return found

    def read_byte(self):
        if not (byte := self.read(1)):
            raise ValueError("read byte out of range")
        return byte[0]

    def readline(self):
        end = self._open().find(b"\n", self._position)
        return self.read(None if end < 0 else end + 1 - self._position)

    def write(self, data):
        memory, data = self._writable(), bytes(data)
        if self._position + len(data) > len(memory):
            raise ValueError("data out of range")
        memory[self._position : self._position + len(data)] = data
        self._position += len(data)
        return len(data)

    def write_byte(self, byte):
        self.write(bytes((byte,)))

    def __enter__(self):
        self._open()
        return self

    def __exit__(self, *exception):
        self.close()

    def __del__(self):
        try:
            self.close()
        except (BufferError, OSError):
            return


def _contents(fd, length, offset):
    size = os.fstat(fd).st_size
    if length == 0:
        if size == 0:
            raise ValueError("cannot mmap an empty file")
        if offset >= size:
            raise ValueError("mmap offset is greater than file size")
        length = size - offset
    elif offset + length > size:
        raise ValueError("mmap length is greater than file size")
    data = bytearray()
    while len(data) < length:
        part = os.pread(fd, length - len(data), offset + len(data))
        if not part:
            break
        data += part
    return data


def _check_writable(fd):
    try:
        os.pwrite(fd, b"", 0)
    except OSError:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from None


@atexit.register
def _write_back():
    for each in list(_open_maps):
        if not each.closed:
            each.flush()
