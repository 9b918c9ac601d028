"""Making a snapshot: start an interpreter, import ahead, and keep what there is.

This runs in the preparing process. Only the interpreter's code and that of packages
ever runs while a snapshot is made, never a user's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hermetic_runtime.abi.memory import PAGE_BYTES
from hermetic_runtime.engine import compile_module
from hermetic_runtime.environments import Environment, LoadedEnvironment, load_environment
from hermetic_runtime.errors import PreparationError
from hermetic_runtime.guest import Guest
from hermetic_runtime.guest_threads import run_in_guest_thread
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.requests import GuestSettings
from hermetic_runtime.snapshots.stored import MEMORY, SavedGuest, write_state
from hermetic_wasm.memory_module import memory_module
from hermetic_wasm.structure import Limits as MemoryLimits

_LIMITS = Limits(memory_bytes=2048 * MIB, wall_seconds=120, cpu_seconds=120)
VARIANTS = 3
"""Snapshots of one environment: they differ in the hash seed, which is fixed at boot."""
_HAS_MAXIMUM = 1
_ROOM_BYTES = 8 * MIB
"""What a run can take before its guest's memory grows. Nothing of it is stored."""


def make_snapshot(
    environment: Environment, preloads: Sequence[str], directory: Path
) -> dict[str, str]:
    """Write a snapshot's files into `directory`; the preloads that failed, with reasons.

    Raises `PreparationError` when the guest does not start.
    """
    loaded = load_environment(environment)
    saved, memory, failed = run_in_guest_thread(lambda: _start_and_save(loaded, preloads))
    pages = len(memory) // PAGE_BYTES
    limits = MemoryLimits(pages, loaded.interpreter.most_memory_pages, _HAS_MAXIMUM)
    module = memory_module(limits, memory[:-PAGE_BYTES])
    (directory / MEMORY).write_bytes(compile_module(loaded.interpreter.engine, module))
    write_state(directory, saved)
    return failed


def _start_and_save(
    environment: LoadedEnvironment, preloads: Sequence[str]
) -> tuple[SavedGuest, bytes, dict[str, str]]:
    said = bytearray()
    guest = Guest(
        environment,
        GuestSettings(_LIMITS),
        deliver=lambda _, data: said.extend(data[:1000]),
        request_input=lambda: None,
    )
    try:
        guest.boot()
        preloaded = guest.preload(preloads)
        guest.make_room(_ROOM_BYTES)
        saved, memory = guest.save(preloaded["generators"])
    except Exception as error:
        words = said.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise PreparationError(
            f"a snapshot could not be made: {error}{': ' if words else ''}{''.join(words)}"
        ) from error
    finally:
        guest.close()
    return saved, memory, preloaded["failed"]
