"""The bodies of requests and responses about sessions and files."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, StrictStr

from hermetic.grants import Grant
from hermetic.http.schemas import MOST_REQUIREMENTS, REQUIREMENTS, VARIABLES, Body, LimitsBody
from hermetic.kept_files import KeptFile
from hermetic.policy.decisions import Allowance
from hermetic.session_orders import SessionOrder, SessionView, interpreter_of
from hermetic_runtime.providing import InterpreterName
from hermetic_runtime.sessions.workspace import Workspace

_NAME = "Printable text of at most 100 characters."


class NewSessionBody(Body):
    """What a session is to be made of. All of it stays as it is for the session's life."""

    name: StrictStr | None = Field(
        default=None, min_length=1, max_length=100, description=f"{_NAME} Unique for the key."
    )
    env: dict[StrictStr, StrictStr] = Field(
        default_factory=dict[str, str],
        description="Environment variables of the code.",
        json_schema_extra=VARIABLES,
    )
    requirements: list[StrictStr] = Field(
        default_factory=list[str],
        max_length=MOST_REQUIREMENTS,
        description="Packages that its runs can import (PEP 508).",
        json_schema_extra=REQUIREMENTS,
    )
    interpreter: InterpreterName = Field("auto", description="Which interpreter to take.")
    limits: LimitsBody = Field(default_factory=lambda: LimitsBody())

    def order(self, grant: Grant, allowance: Allowance | None = None) -> SessionOrder:
        """Within the grant, or within what policy allows.

        Raises `InvalidInput`, `NotAllowed` and `PolicyDenied`.
        """
        order = SessionOrder(
            name=self.name,
            env=self.env,
            requirements=tuple(self.requirements),
            interpreter=self.interpreter,
        )
        return order.within(grant, self.limits.chosen(), allowance)


class ForkBody(Body):
    """What the copy of a session is called."""

    name: StrictStr | None = Field(default=None, min_length=1, max_length=100, description=_NAME)


class CheckpointBody(Body):
    """The name of a checkpoint."""

    name: StrictStr = Field(min_length=1, max_length=100, description=_NAME)


class NothingBody(Body):
    """An empty object."""


class ShownCheckpoint(BaseModel):
    """A checkpoint. `created` is in seconds since the epoch."""

    name: str
    created: float


class SessionBody(BaseModel):
    """A session. Times in seconds since the epoch; `runs` counts whatever changed it."""

    id: str
    name: str
    state: Literal["busy", "live", "hibernating"]
    interpreter: str
    created: float
    used: float
    runs: int
    checkpoints: list[ShownCheckpoint] = Field(default_factory=list[ShownCheckpoint])
    disk_bytes: int | None = Field(default=None, description="What its workspace takes.")
    files: int | None = Field(default=None, description="Files and folders in its workspace.")


def session_fields(view: SessionView) -> dict[str, object]:
    """As `SessionBody` says."""
    record, usage = view.record, view.usage
    return {
        "id": record.id,
        "name": record.name,
        "state": view.state,
        "interpreter": interpreter_of(record),
        "created": record.created,
        "used": record.used,
        "runs": record.generation,
        "checkpoints": [{"name": name, "created": moment} for name, moment in view.checkpoints],
        "disk_bytes": None if usage is None else usage.bytes,
        "files": None if usage is None else usage.files,
    }


class SessionListBody(BaseModel):
    """The session that was used last comes first."""

    sessions: list[SessionBody]


class FileBody(BaseModel):
    """A file of a workspace: its path below /workspace, its size in bytes."""

    path: str
    size: int


class FileListBody(BaseModel):
    """Sorted by path."""

    files: list[FileBody]


def workspace_fields(workspace: Workspace) -> dict[str, object]:
    """As `FileListBody` says."""
    return {"files": [{"path": file.path, "size": file.size} for file in workspace.list()]}


class UploadBody(BaseModel):
    """An upload. `size` in bytes, times in seconds since the epoch."""

    id: str
    size: int
    created: float
    expires: float


class UploadListBody(BaseModel):
    """The oldest comes first."""

    uploads: list[UploadBody]


def upload_fields(kept: KeptFile) -> dict[str, object]:
    """As `UploadBody` says."""
    return {"id": kept.id, "size": kept.size, "created": kept.created, "expires": kept.expires}
