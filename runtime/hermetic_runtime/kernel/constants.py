"""Flags and modes, with the values of Linux's generic ABI, which musl for wasm32 has too
(fcntl.h, poll.h, sys/stat.h, sys/statvfs.h).
"""

from __future__ import annotations

O_RDONLY = 0
O_WRONLY = 1
O_RDWR = 2
O_ACCMODE = 3
O_CREAT = 0o100
O_EXCL = 0o200
O_TRUNC = 0o1000
O_APPEND = 0o2000
O_NONBLOCK = 0o4000
O_DIRECTORY = 0o200000
O_NOFOLLOW = 0o400000
O_CLOEXEC = 0o2000000

AT_FDCWD = -100
AT_SYMLINK_NOFOLLOW = 0x100
AT_REMOVEDIR = 0x200
AT_EMPTY_PATH = 0x1000

F_OK = 0
X_OK = 1
W_OK = 2
R_OK = 4

SEEK_SET = 0
SEEK_CUR = 1
SEEK_END = 2

FD_CLOEXEC = 1

S_IFMT = 0o170000
S_IFIFO = 0o010000
S_IFCHR = 0o020000
S_IFDIR = 0o040000
S_IFREG = 0o100000
S_IFLNK = 0o120000

POLLIN = 0x001
POLLOUT = 0x004
POLLERR = 0x008
POLLHUP = 0x010
POLLNVAL = 0x020

ST_RDONLY = 1

NAME_MAX = 255
PATH_MAX = 4096
"""Bytes of a path, its NUL included."""
PIPE_BUF = 4096
"""Bytes that a write to a pipe puts in whole or not at all."""
FILE_SIZE_MAX = 2**63 - 1
SYMLINKS_MAX = 40

UID = 1000
GID = 1000
"""Whom every file belongs to, and whom the guest runs as."""
