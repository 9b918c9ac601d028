"""The root of the one error tree, and the errors of preparing what runs inside."""

from __future__ import annotations


class HermeticError(Exception):
    """Base of every error that Hermetic raises on purpose.

    `code` is stable and the same at every door; `message` says what was wrong
    and where; `hint`, when there is one, says what to do about it.
    """

    code = "internal"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ImageError(HermeticError):
    """An interpreter image could not be had, or is not the one that is pinned."""

    code = "image"


class MalformedModule(HermeticError):
    """A WebAssembly module is not valid, or uses a form that is not supported."""

    code = "malformed_module"
