"""Whatever a guest passes, a call answers or fails as a system call fails."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_checks import MIB, new_kernel

from hermetic_runtime.kernel.constants import AT_FDCWD
from hermetic_runtime.kernel.devices import DeviceFilesystem
from hermetic_runtime.kernel.errno import Failure
from hermetic_runtime.kernel.host import HostFilesystem
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.overlay import OverlayFilesystem
from hermetic_runtime.kernel.quota import Quota
from hermetic_runtime.kernel.stops import GuestStop
from hermetic_runtime.kernel.wakeup import Wakeup

NUMBERS = st.one_of(
    st.integers(-3, 12),
    st.sampled_from([AT_FDCWD, 2**31 - 1, 2**32 - 1, 2**63 - 1, -(2**63), 0o1777777]),
)
NAMES = st.sampled_from([b"a", b"f", b"d", b"dev", b"null", b"zero", b"stdin", b"h", b"o", b".."])
PATHS = st.one_of(
    st.binary(max_size=20),
    st.builds(b"/".join, st.lists(NAMES, max_size=4)),
    st.builds(lambda names: b"/" + b"/".join(names), st.lists(NAMES, max_size=4)),
)
DATA = st.binary(max_size=30)
FLAGS = st.integers(0, 2**22)

CALLS = st.one_of(
    *(
        st.tuples(st.just(name), st.tuples(*arguments))
        for name, arguments in {
            "open": (NUMBERS, PATHS, FLAGS, NUMBERS),
            "close": (NUMBERS,),
            "read": (NUMBERS, NUMBERS),
            "pread": (NUMBERS, NUMBERS, NUMBERS),
            "write": (NUMBERS, DATA),
            "pwrite": (NUMBERS, DATA, NUMBERS),
            "seek": (NUMBERS, NUMBERS, NUMBERS),
            "stat": (NUMBERS, PATHS),
            "fstat": (NUMBERS,),
            "access": (NUMBERS, PATHS, NUMBERS),
            "mkdir": (NUMBERS, PATHS, NUMBERS),
            "rmdir": (NUMBERS, PATHS),
            "unlink": (NUMBERS, PATHS),
            "rename": (NUMBERS, PATHS, NUMBERS, PATHS),
            "link": (NUMBERS, PATHS, NUMBERS, PATHS),
            "symlink": (PATHS, NUMBERS, PATHS),
            "readlink": (NUMBERS, PATHS),
            "read_directory": (NUMBERS, st.integers(0, 100)),
            "truncate": (NUMBERS, PATHS, NUMBERS),
            "ftruncate": (NUMBERS, NUMBERS),
            "allocate": (NUMBERS, NUMBERS, NUMBERS),
            "chmod": (NUMBERS, PATHS, NUMBERS),
            "fchmod": (NUMBERS, NUMBERS),
            "chown": (NUMBERS, PATHS, NUMBERS, NUMBERS),
            "utimens": (NUMBERS, PATHS, NUMBERS, NUMBERS),
            "futimens": (NUMBERS, NUMBERS, NUMBERS),
            "chdir": (PATHS,),
            "fchdir": (NUMBERS,),
            "getcwd": (),
            "dup": (NUMBERS, NUMBERS),
            "dup_to": (NUMBERS, NUMBERS),
            "pipe": (NUMBERS,),
            "set_descriptor_flags": (NUMBERS, NUMBERS),
            "set_status_flags": (NUMBERS, NUMBERS),
            "poll": (st.lists(st.tuples(NUMBERS, NUMBERS), max_size=3), st.just(0)),
            "statfs": (PATHS,),
            "fstatfs": (NUMBERS,),
            "umask": (NUMBERS,),
            "fsync": (NUMBERS,),
            "is_terminal": (NUMBERS,),
        }.items()
    )
)


@contextmanager
def kernel_with_everything(quota: Quota) -> Iterator[tuple[Kernel, OverlayFilesystem]]:
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "d"))
        with open(os.path.join(folder, "f"), "wb") as file:
            file.write(b"contents")
        os.symlink("../../f", os.path.join(folder, "a"))
        descriptor = os.open(folder, os.O_RDONLY)
        wakeup = Wakeup()
        wakeup.deadline = time.monotonic()
        overlay = OverlayFilesystem(HostFilesystem(descriptor), quota)
        mounts = {b"/dev": DeviceFilesystem(), b"/h": HostFilesystem(descriptor), b"/o": overlay}
        kernel = new_kernel(mounts=mounts, quota=quota, open_files=10, wakeup=wakeup)
        try:
            yield kernel, overlay
        finally:
            kernel.close_all()
            os.close(descriptor)


@settings(max_examples=150, deadline=None)
@given(st.lists(CALLS, max_size=40))
def test_every_call_answers_or_fails_properly(calls: list[tuple[str, tuple[object, ...]]]) -> None:
    quota = Quota(MIB, 20)
    with kernel_with_everything(quota) as (kernel, overlay):
        for name, arguments in calls:
            with contextlib.suppress(Failure, GuestStop):
                getattr(kernel, name)(*arguments)
            assert 0 <= quota.bytes_used <= MIB
            assert 0 <= quota.files_used <= 20
        for change in overlay.changes():
            assert not change.path.startswith(b"/")
            assert b".." not in change.path.split(b"/")
