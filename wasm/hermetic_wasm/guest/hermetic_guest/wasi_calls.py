"""Calls of `os` that WASI has not, made of others that it has."""

import errno
import os

_umask = 0o022


def add():
    """Put them into `os`."""
    os.dup, os.dup2, os.umask = dup, dup2, umask


def dup(fd, /):
    """Return a duplicate of a file descriptor."""
    try:
        return os.open(f"/dev/fd/{fd:d}", os.O_RDONLY)
    except FileNotFoundError:
        raise _bad_descriptor() from None


def dup2(fd, fd2, inheritable=True):  # noqa: ARG001
    """Duplicate a file descriptor as another number, which is closed first if it is open."""
    os.fstat(fd)
    if fd == fd2:
        return fd2
    if fd2 < 0:
        raise _bad_descriptor()
    try:
        os.close(fd2)
    except OSError:
        pass
    lower = []
    try:
        # A new descriptor has the lowest number that is free.
        while (new := dup(fd)) != fd2:
            lower.append(new)
        return fd2
    finally:
        for each in lower:
            os.close(each)


def umask(mask, /):
    """Set the current numeric umask and return the previous one. Files have no permissions
    here, so it changes nothing else.
    """
    global _umask
    previous, _umask = _umask, mask & 0o777
    return previous


def _bad_descriptor():
    return OSError(errno.EBADF, os.strerror(errno.EBADF))
