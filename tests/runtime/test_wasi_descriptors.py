"""What the WASI interpreter has not of its own, and gets from ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from wasi_guests import WasiGuest, wasi_directory

from hermetic_runtime.environments import Environment, LoadedEnvironment, load_environment
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.prepared import SNAPSHOTS
from hermetic_runtime.reported import Outcome

MAPS = """
import mmap

def contents():
    with open("file", "rb") as file:
        return file.read()

def error_of(do, *arguments, **options):
    try:
        do(*arguments, **options)
    except Exception as error:
        return type(error).__name__, str(error)

with open("file", "wb") as file:
    file.write(b"first\\nsecond\\n" + bytes(5000))
found = []
with open("file", "r+b") as file:
    number = file.fileno()
    with mmap.mmap(number, 0) as whole:
        found += [len(whole), whole.size(), whole[:3], whole[0], whole[-1], b"ir" in whole]
        found += [whole.readline(), whole.tell(), whole.read(3), whole.read_byte()]
        found += [whole.find(b"s"), whole.find(b"s", 0), whole.rfind(b"s", 0), whole.find(b"zz")]
        whole[0:5] = b"FIRST"
        whole[13] = 33
        found += [error_of(whole.__setitem__, slice(0, 2), b"longer")]
        whole.seek(5000)
        found += [whole.write(b"end"), whole.tell(), error_of(whole.write, bytes(100))]
        found += [error_of(whole.seek, 10**6), error_of(whole.seek, 0, 9)]
        whole.move(100, 0, 5)
        found += [whole[98:107], bytes(list(whole)[0])]
        whole.flush()
        found += [contents()[:14]]
        view = memoryview(whole)
        view[1] = 73
        found += [error_of(whole.close), whole[:2]]
        view.release()
    found += [whole.closed, error_of(whole.read), contents()[4998:5004]]
    with mmap.mmap(number, 10, access=mmap.ACCESS_READ) as part:
        found += [part[:], memoryview(part).readonly, error_of(part.__setitem__, 0, 1)]
        found += [error_of(part.write, b"x"), part.read(100)]
    with mmap.mmap(number, 10, access=mmap.ACCESS_COPY) as copy:
        copy[0:2] = b"--"
        found += [copy[:4]]
    with mmap.mmap(number, 0, offset=mmap.ALLOCATIONGRANULARITY) as rest:
        found += [rest[:4], len(rest) + mmap.ALLOCATIONGRANULARITY]
    found += [error_of(mmap.mmap, number, 10**6), error_of(mmap.mmap, number, -1)]
    found += [error_of(mmap.mmap, number, 1, offset=-1), error_of(mmap.mmap, number, 1, access=9)]
    found += [error_of(mmap.mmap, number, 1, flags=mmap.MAP_PRIVATE, access=mmap.ACCESS_READ)]
    found += [error_of(mmap.mmap, number, 1, offset=10)[0], error_of(mmap.mmap, 10**6, 1)[0]]
with open("file", "rb") as file:
    found += [file.read(14), error_of(mmap.mmap, file.fileno(), 0)[0]]
open("empty", "w").close()
with open("empty", "rb") as file:
    found += [error_of(mmap.mmap, file.fileno(), 0, access=mmap.ACCESS_READ)]
with mmap.mmap(-1, 20) as memory:
    memory[:3] = b"abc"
    found += [memory[:5], len(memory)]
"""


@pytest.fixture(scope="module")
def environment() -> LoadedEnvironment:
    directory = wasi_directory()
    return load_environment(Environment(directory, snapshots=directory / SNAPSHOTS))


def value_of(environment: LoadedEnvironment, source: str) -> object:
    [report] = WasiGuest(environment).run(source)
    assert report.outcome is Outcome.OK, report.error
    assert report.value is not None
    return report.value.json


def test_a_descriptor_is_duplicated(environment: LoadedEnvironment) -> None:
    source = """
import os
file = os.open("file", os.O_RDWR | os.O_CREAT)
again = os.dup(file)
os.write(file, b"one ")
os.close(file)
os.write(again, b"two")
[again != file, open("file").read()]
"""
    assert value_of(environment, source) == [True, "one two"]


def test_a_descriptor_takes_the_number_of_another(environment: LoadedEnvironment) -> None:
    guest = WasiGuest(environment)
    source = """
import os, sys
kept, file = os.dup(1), os.open("file", os.O_RDWR | os.O_CREAT)
free = os.dup(file)
os.close(free)
numbers = os.dup2(file, 1), os.dup2(file, file), os.dup2(file, 40)
print("into the file")
os.dup2(kept, 1)
print(open("file").read().strip(), numbers == (1, file, 40), os.dup(file) == free)
"""
    [report] = guest.run(source)

    assert report.outcome is Outcome.OK, report.error
    assert guest.stdout == "into the file True True\n"


@pytest.mark.parametrize("call", ["dup(99)", "dup(-1)", "dup2(99, 1)", "dup2(1, -1)"])
def test_a_descriptor_that_is_not_open_is_refused(
    environment: LoadedEnvironment, call: str
) -> None:
    source = f"""
import errno, os
try:
    os.{call}
except OSError as error:
    found = error.errno == errno.EBADF
print("still here")
found
"""
    assert value_of(environment, source) is True


def test_as_many_descriptors_are_duplicated_as_may_be_open(environment: LoadedEnvironment) -> None:
    source = """
import errno, os
try:
    while True:
        os.dup(1)
except OSError as error:
    found = error.errno == errno.EMFILE
found
"""
    assert value_of(environment, source) is True


def test_the_umask_is_what_was_set(environment: LoadedEnvironment) -> None:
    assert value_of(environment, "import os\n[os.umask(0o77), os.umask(0)]") == [0o22, 0o77]


def test_arrays_are_written_to_files_and_read_back(environment: LoadedEnvironment) -> None:
    source = """
import numpy as np
np.arange(5.0).tofile("array")
np.fromfile("array").tolist()
"""
    assert value_of(environment, source) == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_memory_maps_are_those_of_python(
    environment: LoadedEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    native: dict[str, object] = {}
    # The granularity is that of a page, which is the same here and there.
    exec(MAPS, native)

    assert value_of(environment, f"{MAPS}\nrepr(found)") == repr(native["found"])


def test_arrays_are_mapped_from_files(environment: LoadedEnvironment) -> None:
    source = """
import numpy as np
np.save("array.npy", np.arange(1000.0))
mapped = np.load("array.npy", mmap_mode="r+")
mapped[5] = -1
mapped.flush()
read = np.load("array.npy", mmap_mode="r")
[float(read.sum()), read.flags.writeable, float(read[5])]
"""
    assert value_of(environment, source) == [499494.0, False, -1.0]


def test_what_was_changed_in_a_map_is_in_the_file_at_the_end(
    environment: LoadedEnvironment,
) -> None:
    source = """
import atexit, mmap
file = open("file", "w+b")
file.write(b"before")
file.flush()
map = mmap.mmap(file.fileno(), 0)
map[:] = b"after "
atexit._run_exitfuncs()
open("file").read()
"""
    assert value_of(environment, source) == "after "


def test_a_map_larger_than_memory_is_a_memory_error(environment: LoadedEnvironment) -> None:
    guest = WasiGuest(environment, Limits(memory_bytes=256 * MIB))

    [report] = guest.run("import mmap\nmmap.mmap(-1, 2**30)")

    assert report.outcome is Outcome.MEMORY


def test_a_module_that_is_missing_is_said_to_be_missing_and_no_more(
    environment: LoadedEnvironment,
) -> None:
    [report] = WasiGuest(environment).run("import nothing_of_this_name")

    assert report.error is not None
    assert report.error.traceback.endswith(
        "ModuleNotFoundError: No module named 'nothing_of_this_name'\n"
    )
