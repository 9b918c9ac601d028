"""A guest becomes a file, and a file a guest again. This runs where guests run."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Sequence

from hermetic_runtime.bindings import Trap, WasmtimeError
from hermetic_runtime.errors import (
    GuestMisbehaved,
    HermeticError,
    SessionBaseMissing,
    SessionDamaged,
)
from hermetic_runtime.interpreters.interface import InterpreterInstance
from hermetic_runtime.kernel.errno import Failure
from hermetic_runtime.kernel.kernel import Kernel
from hermetic_runtime.kernel.saved_contents import SavedContents
from hermetic_runtime.kernel.saved_descriptors import restore_descriptors, save_descriptors
from hermetic_runtime.kernel.saved_files import restore_files, save_files
from hermetic_runtime.limits import Limits
from hermetic_runtime.sessions.huge_pages import ask_for_huge_pages
from hermetic_runtime.sessions.page_pieces import Run
from hermetic_runtime.sessions.pages import changed_pages
from hermetic_runtime.sessions.saved_instance import check_instance
from hermetic_runtime.sessions.saved_state import SavedState, check_files
from hermetic_runtime.sessions.state_file import most_packed_bytes, write_state
from hermetic_runtime.sessions.state_reader import StateReader
from hermetic_runtime.snapshots.stored import LoadedSnapshot
from hermetic_runtime.snapshots.written_pages import written_ranges


def hibernate(
    descriptor: int,
    instance: InterpreterInstance,
    kernel: Kernel,
    base: LoadedSnapshot,
    folders: tuple[bytes, ...],
    limits: Limits,
    mapped: Sequence[tuple[int, int]],
) -> None:
    """Write the difference of a guest from its `base`, and what the kernel keeps for it.

    `folders` are those whose files are kept nowhere else, and `mapped` is what `wake` returned
    if that is how the guest began. Takes the descriptor over, and leaves the guest as it was.
    Raises `OSError`, and `GuestMisbehaved` for more than a guest with these `limits` wakes from.
    """
    contents = SavedContents(most_packed_bytes(limits))
    try:
        files, descriptors = (
            save_files(kernel, contents, folders),
            save_descriptors(kernel, contents),
        )
    except Failure:
        raise GuestMisbehaved("it has more in open and other files than can be kept") from None
    state = SavedState(
        base=base.identity,
        memory_bytes=instance.memory_bytes,
        instance=instance.save(),
        files=files,
        descriptors=descriptors,
        cwd=_cwd(kernel),
        umask=_umask(kernel),
        monotonic_ns=kernel.clock.monotonic_ns(),
        cpu_ns=kernel.clock.cpu_ns(),
    )
    with os.fdopen(descriptor, "wb") as file:
        current = instance.map_memory()
        written = written_ranges(current)
        different = None if written is None else sorted([*written, *mapped])
        pages = changed_pages(current, base.machines.original(), different)
        write_state(file, state, pages, limits)


def _cwd(kernel: Kernel) -> bytes:
    try:
        return kernel.getcwd()
    except Failure:
        return b"/workspace"


def _umask(kernel: Kernel) -> int:
    mask = kernel.umask(0)
    kernel.umask(mask)
    return mask


def find_base(state: SavedState, snapshots: tuple[LoadedSnapshot, ...]) -> LoadedSnapshot:
    """The snapshot that `state` builds on. Raises `SessionBaseMissing`."""
    for snapshot in snapshots:
        if snapshot.identity == state.base:
            return snapshot
    raise SessionBaseMissing(
        "the snapshot that this session's variables build on is gone or was made again",
        hint="Its files are kept. Restart the session to go on without its variables.",
    )


def wake(
    reader: StateReader,
    instance: InterpreterInstance,
    kernel: Kernel,
    base: LoadedSnapshot,
    folders: tuple[bytes, ...],
) -> list[tuple[int, int]]:
    """In an instance over `base` that has not started, go on where `hibernate` was.

    `folders` are those that may come from the state. Returned is what maps its file, (start, end)
    in bytes, of which the system will not tell that it is other than in `base`. Raises
    `SessionDamaged`.
    """
    state = reader.state
    try:
        check_instance(state.instance, base.guest.instance)
        check_files(state.files, folders)
        missing = state.memory_bytes - instance.memory_bytes
        if missing < 0 or (missing and not instance.grow_memory_to(state.memory_bytes)):
            raise SessionDamaged("the session's memory does not fit its limits")
        memory = instance.map_memory()
        ask_for_huge_pages(memory, _ranges(reader.runs_of_pages(mapped=False)))
        base.guest.put_last_page(memory)
        reader.read_pages_into(memory)
        del memory
        kernel.clock.go_on_from(monotonic_ns=state.monotonic_ns, cpu_ns=state.cpu_ns)
        restore_files(kernel, state.files)
        restore_descriptors(kernel, state.descriptors)
        kernel.umask(state.umask)
        _change_directory(kernel, state.cwd)
        instance.resume(state.instance)
        return _ranges(reader.runs_of_pages(mapped=True))
    except SessionDamaged:
        raise
    except (
        HermeticError,
        Failure,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        RecursionError,
        MemoryError,
        ctypes.ArgumentError,
        WasmtimeError,
        Trap,
    ) as error:
        raise SessionDamaged(f"the state of the session does not fit together: {error}") from error
    finally:
        reader.close()


def _ranges(runs: Iterable[Run]) -> list[tuple[int, int]]:
    return [(run.start, run.end) for run in runs]


def _change_directory(kernel: Kernel, path: bytes) -> None:
    for candidate in (path, b"/workspace"):
        try:
            kernel.chdir(candidate)
        except Failure:
            continue
        return
