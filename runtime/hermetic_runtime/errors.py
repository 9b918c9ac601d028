"""The errors of the host. The tree's root is `hermetic_wasm.errors.HermeticError`."""

from __future__ import annotations

import os

from hermetic_wasm.errors import HermeticError, ImageError, MalformedModule

__all__ = [
    "Contradiction",
    "GuestMisbehaved",
    "HermeticError",
    "ImageError",
    "InstallError",
    "InvalidInput",
    "InvalidName",
    "InvalidRequirement",
    "InvalidScript",
    "LinkError",
    "MalformedModule",
    "NameTaken",
    "NoMoreProcesses",
    "PackageDenied",
    "PreparationError",
    "SandboxClosed",
    "SandboxCrashed",
    "SessionBaseMissing",
    "SessionBusy",
    "SessionDamaged",
    "SessionNotFound",
]


_DAMAGED_HINT = (
    "Restore a checkpoint, or restart the session to go on without its variables: "
    "its files are kept."
)
_PREPARATION_HINT = "`hermetic doctor` says what is there, and prepares what is missing."


class GuestMisbehaved(HermeticError):
    """The interpreter answered what a sound interpreter does not."""

    code = "guest_misbehaved"


class InvalidInput(HermeticError):
    """What the caller gave can't be run: a path, a limit, a mount, a source."""

    code = "invalid_input"


class InvalidName(InvalidInput):
    """Nothing of its kind can have this name: a session, a variable, a global."""

    code = "invalid_name"


class InvalidRequirement(InvalidInput):
    """What is asked for is not a requirement (PEP 508), or not one that is taken."""

    code = "invalid_requirement"


class NameTaken(InvalidInput):
    """There is a session or checkpoint of this name already."""

    code = "name_taken"


class Contradiction(InvalidInput):
    """Parts of what the caller asks for exclude one another."""

    code = "contradiction"


class InvalidScript(InvalidInput):
    """The metadata block of a script is wrong. The message gives the line."""

    code = "invalid_script"


class InstallError(HermeticError):
    """The packages that were asked for could not be had."""

    code = "install_error"


class PackageDenied(InstallError):
    """Policy refuses a package, where it comes from, or an interpreter. `rule` says which."""

    code = "denied"

    def __init__(self, message: str, *, rule: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.rule = rule


class LinkError(HermeticError):
    """An extension module can't be loaded into a guest, which sees an ImportError."""

    code = "link"


class PreparationError(HermeticError):
    """The interpreter could not be made ready on this machine."""

    code = "preparation"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint or _PREPARATION_HINT)


class SandboxClosed(HermeticError):
    """The sandbox was closed, or its guest ended, before this call."""

    code = "sandbox_closed"


class SandboxCrashed(HermeticError):
    """The guest process was lost before it could take a run."""

    code = "sandbox_crashed"


class NoMoreProcesses(SandboxCrashed):
    """The system has no more processes, or no descriptors for one."""

    def __init__(self, error_number: int | None) -> None:
        """`error_number` is the one of the system's error (errno.h)."""
        super().__init__(
            f"a guest process can't be started: {os.strerror(error_number or 0)}",
            hint="Close sandboxes that are not needed, or raise the limits of this process.",
        )


class SessionBaseMissing(HermeticError):
    """What a session's state builds on, an interpreter or a snapshot, is gone."""

    code = "session_base_missing"


class SessionBusy(HermeticError):
    """Another process, or another part of this one, has the session open."""

    code = "session_busy"


class SessionDamaged(HermeticError):
    """What was kept of a session can't be read."""

    code = "session_damaged"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint or _DAMAGED_HINT)


class SessionNotFound(HermeticError):
    """There is no session, checkpoint or file of this name."""

    code = "session_not_found"
