"""Hostile programs of our own, a file for each group."""

from __future__ import annotations

from collections.abc import Mapping

from hostile_program import HostileProgram

from programs import (
    cpu,
    descriptors,
    files,
    imports,
    interpreter,
    memory,
    output,
    results,
    stack,
    time,
)

GROUPS: Mapping[str, tuple[HostileProgram, ...]] = {
    "processor": cpu.PROGRAMS,
    "memory": memory.PROGRAMS,
    "stack": stack.PROGRAMS,
    "output": output.PROGRAMS,
    "files": files.PROGRAMS,
    "descriptors": descriptors.PROGRAMS,
    "time": time.PROGRAMS,
    "interpreter": interpreter.PROGRAMS,
    "imports": imports.PROGRAMS,
    "results": results.PROGRAMS,
}
