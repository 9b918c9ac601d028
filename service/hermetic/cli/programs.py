"""What is to be run: its source, its name, its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from hermetic.cli.arguments import UsageError
from hermetic.cli.quantities import format_size
from hermetic.cli.standard_streams import standard_input
from hermetic_runtime.errors import InvalidInput


class Program(NamedTuple):
    """One source to run; `stdin` is what is left for it to read."""

    source: bytes
    filename: str
    arguments: tuple[str, ...]
    stdin: BinaryIO | None


def read_program(code: str | None, words: Sequence[str], *, source_bytes: int) -> Program:
    """Find the program in the words after the options, or take `code` (from -c).

    One `--` before the arguments is dropped. Raises `UsageError` when there is nothing
    to run, and `InvalidInput` when a file can't be read or is larger than `source_bytes`.
    """
    words = list(words)
    if code is not None:
        arguments = words[1:] if words[:1] == ["--"] else words
        source = code.encode("utf-8", "surrogateescape")
        return Program(source, "<string>", tuple(arguments), standard_input())
    if words[:1] == ["--"]:
        file, *arguments = words[1:] or [""]
    else:
        file, *arguments = words or [""]
        arguments = arguments[1:] if arguments[:1] == ["--"] else arguments
    if not file:
        raise UsageError(
            "nothing to run", hint="hermetic run FILE, hermetic run -c CODE, or hermetic run -"
        )
    source = read_source(file, source_bytes)
    if file == "-":
        return Program(source, "<stdin>", tuple(arguments), None)
    return Program(source, file, tuple(arguments), standard_input())


def read_source(name: str, source_bytes: int) -> bytes:
    """What is in a file, or with the name `-` on standard input.

    Raises `InvalidInput` when it can't be read or is larger than `source_bytes`.
    """
    if name == "-":
        stdin = standard_input()
        return _read(stdin, "standard input", source_bytes) if stdin else b""
    try:
        with Path(name).open("rb") as file:
            return _read(file, name, source_bytes)
    except OSError as error:
        raise InvalidInput(f"{name!r} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidInput(f"{name!r} can't be read: {error}") from error


def _read(file: BinaryIO, name: str, source_bytes: int) -> bytes:
    """All of `file`, but never more than a byte past the limit."""
    source = file.read(source_bytes + 1)
    if len(source) > source_bytes:
        raise InvalidInput(
            f"{name} is larger than the {format_size(source_bytes)} that a source may have",
            hint="Give data to a script through standard input or --mount.",
        )
    return source
