"""The files of a session for its owner: put, get, list, remove."""

from __future__ import annotations

from mmap import mmap
from typing import Protocol

from hermetic_runtime.reported import WorkspaceFile
from hermetic_runtime.sessions.workspace import Workspace


class _Holder(Protocol):
    @property
    def workspace(self) -> Workspace: ...

    def hibernate(self) -> None: ...


class SessionFiles:
    """Paths are relative to /workspace, with `/` between names.

    A change puts a live guest to sleep, so that it sees the change when it wakes.
    """

    def __init__(self, session: _Holder) -> None:
        self._session = session

    def put(self, path: str, data: bytes | mmap) -> None:
        """Make or replace a file. Raises `InvalidInput` for names that can't be, and limits."""
        self._session.hibernate()
        self._session.workspace.put(path, data)

    def get(self, path: str) -> bytes:
        """Raises `SessionNotFound`, and `InvalidInput` for what is not a file."""
        return self._session.workspace.get(path)

    def list(self) -> list[WorkspaceFile]:
        """All files, by path."""
        return self._session.workspace.list()

    def remove(self, path: str) -> None:
        """Remove a file, or a folder with all in it. Raises `SessionNotFound`."""
        self._session.hibernate()
        self._session.workspace.remove(path)
