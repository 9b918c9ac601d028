"""The files that a guest finds: images, scratch space, and the caller's mounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hermetic_runtime.environments import LoadedEnvironment
from hermetic_runtime.kernel.devices import DeviceFilesystem
from hermetic_runtime.kernel.empty import EmptyFilesystem
from hermetic_runtime.kernel.filesystem import Filesystem
from hermetic_runtime.kernel.host import HostFilesystem
from hermetic_runtime.kernel.memory import MemoryFilesystem
from hermetic_runtime.kernel.overlay import Change, OverlayFilesystem
from hermetic_runtime.kernel.quota import Quota
from hermetic_runtime.reported import WorkspaceFile
from hermetic_runtime.request_bounds import FILE_NAMES_BYTES, MOST_FILES, WORKSPACE, WORKSPACE_INDEX
from hermetic_runtime.requests import GuestMount

_WORKSPACE = WORKSPACE.encode()


class GuestFilesystems:
    """`mounts` is what the kernel is given, by guest path."""

    def __init__(
        self,
        environment: LoadedEnvironment,
        mounts: Sequence[GuestMount],
        quota: Quota,
        *,
        keep_files: bool,
    ) -> None:
        self._overlays: dict[int, OverlayFilesystem] = {}
        self._workspace = OverlayFilesystem(EmptyFilesystem(), quota)
        self.keep_files = keep_files
        root = MemoryFilesystem(quota)
        for name in (b"tmp", b"workspace"):
            root.root.create_mount_point(name)
        found: dict[bytes, Filesystem] = {
            b"/": root,
            b"/lib": environment.interpreter.library,
            b"/dev": DeviceFilesystem(),
            _WORKSPACE: self._workspace,
        }
        if environment.packages is not None:
            site_packages = environment.interpreter.site_packages.encode()
            found[site_packages] = environment.packages.image
        for index, mount in enumerate(mounts):
            filesystem: Filesystem = HostFilesystem(mount.directory_fd)
            if mount.writable:
                filesystem = self._overlays[index] = OverlayFilesystem(filesystem, quota)
            if mount.writable and mount.guest_path.encode() == _WORKSPACE:
                self._workspace = self._overlays[index]
            found[mount.guest_path.encode()] = filesystem
        self.mounts: Mapping[bytes, Filesystem] = found

    def workspace_files(self) -> tuple[tuple[WorkspaceFile, ...], int]:
        """What was made or changed in /workspace since `changes` was called, by path; and
        how many files more there are than `MOST_FILES`, or than `FILE_NAMES_BYTES` hold.
        """
        found = sorted(self._workspace.changed_files())
        listed: list[WorkspaceFile] = []
        left = FILE_NAMES_BYTES
        for path, size in found[:MOST_FILES]:
            shown = path.decode("utf-8", "backslashreplace")
            left -= len(shown.encode())
            if left < 0:
                break
            listed.append(WorkspaceFile(shown, size))
        return tuple(listed), len(found) - len(listed)

    @property
    def own_folders(self) -> tuple[bytes, ...]:
        """The writable folders whose files are nowhere but in this guest."""
        mounted = self._workspace in self._overlays.values()
        return (b"/tmp",) if mounted else (b"/tmp", _WORKSPACE)

    def changes(self) -> list[tuple[int, Change]]:
        """(mount index, change) of the writable mounts, since the last call; of /workspace
        too, as `WORKSPACE_INDEX`, if its files are kept.
        """
        changes = [
            (index, change)
            for index, overlay in self._overlays.items()
            for change in overlay.changes()
        ]
        if self._workspace in self._overlays.values():
            return changes
        if self.keep_files:
            changes += [(WORKSPACE_INDEX, change) for change in self._workspace.changes()]
        else:
            self._workspace.forget_changes()
        return changes

    def forget_changes(self) -> None:
        """Take what is in /workspace now as what was there before."""
        self._workspace.forget_changes()
