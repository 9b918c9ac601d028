"""The files that a guest finds: images, scratch space, and the caller's mounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hermetic_runtime.environments import LoadedEnvironment
from hermetic_runtime.kernel.devices import DeviceFilesystem
from hermetic_runtime.kernel.filesystem import Filesystem
from hermetic_runtime.kernel.host import HostFilesystem
from hermetic_runtime.kernel.memory import MemoryFilesystem
from hermetic_runtime.kernel.overlay import Change, OverlayFilesystem
from hermetic_runtime.kernel.quota import Quota
from hermetic_runtime.requests import GuestMount


class GuestFilesystems:
    """`mounts` is what the kernel is given, by guest path."""

    def __init__(
        self, environment: LoadedEnvironment, mounts: Sequence[GuestMount], quota: Quota
    ) -> None:
        self._overlays: dict[int, OverlayFilesystem] = {}
        root = MemoryFilesystem(quota)
        for name in (b"tmp", b"workspace"):
            root.root.create_mount_point(name)
        found: dict[bytes, Filesystem] = {
            b"/": root,
            b"/lib": environment.interpreter.library,
            b"/dev": DeviceFilesystem(),
        }
        if environment.packages is not None:
            site_packages = environment.interpreter.site_packages.encode()
            found[site_packages] = environment.packages.image
        for index, mount in enumerate(mounts):
            filesystem: Filesystem = HostFilesystem(mount.directory_fd)
            if mount.writable:
                filesystem = self._overlays[index] = OverlayFilesystem(filesystem, quota)
            found[mount.guest_path.encode()] = filesystem
        self.mounts: Mapping[bytes, Filesystem] = found

    def changes(self) -> list[tuple[int, Change]]:
        """(mount index, change) of the writable mounts, since the last call."""
        return [
            (index, change)
            for index, overlay in self._overlays.items()
            for change in overlay.changes()
        ]
