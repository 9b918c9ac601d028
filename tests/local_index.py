"""A package index that a test fills itself, and can take off the network."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from local_wheels import build_wheel, served


class LocalIndex:
    """Served from when it is entered until `close`, or until it is left.

    `requested` are the paths that were asked for.
    """

    def __init__(self, folder: Path) -> None:
        self._simple = folder / "simple"
        self._simple.mkdir(parents=True)
        self._stack = ExitStack()
        self.url = ""
        self.requested: list[str] = []

    def __enter__(self) -> LocalIndex:
        self.url = (
            f"{self._stack.enter_context(served(self._simple.parent, self.requested))}/simple"
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Answer no more. May be called again."""
        self._stack.close()

    def publish(
        self,
        name: str,
        version: str = "1.0",
        files: Mapping[str, bytes] | None = None,
        *,
        sha256: str | None = None,
        tag: str = "py3-none-any",
        requires: tuple[str, ...] = (),
    ) -> Path:
        """A wheel, built and listed; with the hash that `sha256` claims it has, if given."""
        folder = self._simple / name.replace("_", "-")
        wheel = build_wheel(folder, name, version, files, tag=tag, requires=requires)
        claimed = f"#sha256={sha256}" if sha256 else ""
        links = [f'<a href="{path.name}{claimed}">{path.name}</a>' for path in folder.glob("*.whl")]
        (folder / "index.html").write_text(f"<html><body>{''.join(links)}</body></html>")
        return wheel
