"""The extension modules of a package set: which there are, and what they need of each other."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping

from hermetic_runtime.errors import LinkError
from hermetic_runtime.linking.library_search import find_library
from hermetic_runtime.side_modules import CompiledSideModule


class PackagedModules:
    """`paths` maps paths relative to site-packages to the SHA-256 of the side modules there;
    `side_module` gives what a hash stands for, or raises `LinkError`.
    """

    def __init__(
        self, paths: Mapping[str, str], side_module: Callable[[str], CompiledSideModule]
    ) -> None:
        self._paths = paths
        self._side_module = side_module

    def find(self, path: str) -> str | None:
        """The SHA-256 of a module; None for what is not of the package set."""
        return self._paths.get(path)

    def sha256(self, path: str) -> str:
        """Raises `LinkError` for what is not of the package set."""
        sha256 = self.find(path)
        if sha256 is None:
            raise LinkError("only extension modules of the package set can be loaded")
        return sha256

    def compiled(self, path: str) -> CompiledSideModule:
        """Raises `LinkError`."""
        return self._side_module(self.sha256(path))

    def needed(self, path: str) -> list[str]:
        """The paths of the libraries that a module names. Raises `LinkError`."""
        description = self.compiled(path).description
        found: dict[str, None] = {}
        for name in description.needed:
            library = find_library(self._paths, path, name, description.runtime_paths)
            if library is None:
                raise LinkError(f"it needs the library {name[:200]}, which no package brings")
            found[library] = None
        return [*found]

    def to_load(self, path: str, loaded: Container[str]) -> list[str]:
        """The paths of a module and all that it needs, but for what is `loaded`; those needed
        first. Raises `LinkError`.
        """
        ordered: dict[str, None] = {}
        begun: set[str] = set()
        pending = [(path, False)]
        while pending:
            current, is_last = pending.pop()
            if is_last:
                ordered[current] = None
            elif current not in begun and current not in loaded:
                begun.add(current)
                pending.append((current, True))
                pending.extend((needed, False) for needed in reversed(self.needed(current)))
        return [*ordered]
