"""The host directories of one sandbox, open while it lives."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from hermetic_runtime.captured_output import CapturedOutput
from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.kernel.overlay import Change
from hermetic_runtime.mounts import Mount, apply_changes
from hermetic_runtime.output_directory import OutputDirectory
from hermetic_runtime.reported import Display
from hermetic_runtime.request_bounds import WORKSPACE_INDEX
from hermetic_runtime.requests import GuestMount


class MountedDirectories:
    """Holds a descriptor for each mount, so that a directory that is renamed or replaced
    meanwhile is still the one that was given.
    """

    def __init__(self, mounts: Sequence[Mount], out: Path | None = None) -> None:
        """`out` gets what runs make in /workspace, and their displays; it may be new.

        Raises `InvalidInput` for a directory that can't be opened.
        """
        self._mounts = mounts
        self._out: OutputDirectory | None = None
        self._descriptors: list[int] = []
        for mount in mounts:
            try:
                descriptor = os.open(mount.host, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError as error:
                self.close()
                raise InvalidInput(
                    f"the mount {mount.host} can't be opened: {error.strerror}"
                ) from error
            self._descriptors.append(descriptor)
        if out is not None:
            try:
                self._out = OutputDirectory(out)
            except InvalidInput:
                self.close()
                raise

    @property
    def guest_mounts(self) -> list[GuestMount]:
        return [
            GuestMount(descriptor, mount.guest, mount.writable)
            for descriptor, mount in zip(self._descriptors, self._mounts, strict=True)
        ]

    def give_back(
        self,
        changes: Sequence[tuple[int, Change]],
        displays: Sequence[Display],
        output: CapturedOutput,
    ) -> list[str]:
        """Write the guest's changes to the host; what is refused is said on stderr.

        Returns the paths of what was written below `out`. The changes come from an
        untrusted process, the index of the mount included.
        """
        by_mount: dict[int, list[Change]] = {}
        for index, change in changes:
            by_mount.setdefault(index, []).append(change)
        made = by_mount.pop(WORKSPACE_INDEX, []) if self._out is not None else []
        for index, of_mount in by_mount.items():
            if index >= len(self._mounts) or not self._mounts[index].writable:
                output.note("hermetic: changes of a mount that is not writable were refused")
                continue
            applied = apply_changes(self._descriptors[index], of_mount)
            for refusal in applied.refused:
                output.note(f"hermetic: not given back: {self._mounts[index].guest}/{refusal}")
        return [] if self._out is None else self._out.write(made, displays, output)

    def close(self) -> None:
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()
        if self._out is not None:
            self._out.close()
            self._out = None
