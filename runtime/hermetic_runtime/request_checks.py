"""What a caller asks for, checked before anything starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from hermetic_runtime.errors import InvalidInput, InvalidName
from hermetic_runtime.import_rules import ImportRules
from hermetic_runtime.limits import Limits
from hermetic_runtime.mounts import Mount
from hermetic_runtime.request_additions import checked_files, checked_inputs
from hermetic_runtime.request_bounds import (
    FILENAME_BYTES,
    MOST_MOUNTS,
    MOST_WORDS,
    WORDS_BYTES,
)
from hermetic_runtime.requests import RunRequest


def checked_source(code: str | bytes, limits: Limits) -> bytes:
    """The source as bytes. Text is encoded as UTF-8.

    Raises `InvalidInput` for anything else, and for more than `limits.source_bytes`.
    """
    if isinstance(code, str):
        source = _encoded(code, "the source")
    elif isinstance(code, bytes):  # pyright: ignore[reportUnnecessaryIsInstance]
        source = code
    else:
        raise InvalidInput(f"the source must be text or bytes, not {_kind(code)}")
    if len(source) > limits.source_bytes:
        raise InvalidInput(
            f"the source has {len(source):,} bytes, more than limit source_bytes "
            f"({limits.source_bytes:,})",
            hint="Pass large data as stdin or in a mount.",
        )
    return source


def checked_request(
    code: str | bytes,
    *,
    filename: str,
    args: Sequence[str],
    limits: Limits,
    final: bool,
    capture_value: bool,
    inputs: Mapping[str, Any] | None = None,
    files: Mapping[str, bytes] | None = None,
    imports: ImportRules | None = None,
    followed: bool = True,
) -> RunRequest:
    """Raises `InvalidInput`."""
    _check_text(filename, "filename")
    size = len(_encoded(filename, "filename"))
    if not 1 <= size <= FILENAME_BYTES:
        raise InvalidInput(f"filename must have 1 to {FILENAME_BYTES:,} bytes, not {size:,}")
    return RunRequest(
        source=checked_source(code, limits),
        filename=filename,
        arguments=_checked_arguments(args),
        limits=limits,
        final=final,
        capture_value=capture_value,
        inputs_json=checked_inputs(inputs),
        files=checked_files(files),
        imports=imports,
        followed=followed,
    )


def _checked_arguments(args: Sequence[str]) -> tuple[str, ...]:
    if isinstance(args, str | bytes):
        raise InvalidInput("args must be a sequence of texts, not one text")
    arguments = tuple(args)
    for argument in arguments:
        _check_text(argument, "each of args")
    _check_amount(arguments, "args")
    return arguments


def checked_environment(env: Mapping[str, str] | None) -> dict[str, str]:
    """Raises `InvalidInput` for names and values that no environment can hold."""
    if env is None:
        return {}
    if not isinstance(env, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidInput(f"env must be a mapping, not {_kind(env)}")
    environment = dict(env)
    for name, value in environment.items():
        _check_text(name, "each name in env")
        if not name or "=" in name:
            raise InvalidName(f"env holds the name {name!r}, which no variable can have")
        _check_text(value, f"env[{name!r}]")
    _check_amount([f"{name}={value}" for name, value in environment.items()], "env")
    return environment


def checked_folder(path: Path | str | None) -> Path | None:
    """Absolute, so that a later change of the working directory makes no difference.

    Raises `InvalidInput` for what is no path.
    """
    if path is None:
        return None
    if not isinstance(path, Path | str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidInput(f"out must be a path, not {_kind(path)}")
    _check_text(str(path), "out")
    return Path(path).absolute()


def check_isolation(isolation: object) -> None:
    """Raises `InvalidInput`."""
    if isolation not in ("process", "shared"):
        raise InvalidInput(f'isolation must be "process" or "shared", not {isolation!r}')


def checked_limits(limits: Limits | None) -> Limits:
    """The limits, or the defaults for None. Raises `InvalidInput` for anything else."""
    if limits is None:
        return Limits()
    if not isinstance(limits, Limits):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidInput(f"limits must be Limits, not {_kind(limits)}")
    return limits


def narrowed_limits(limits: Limits | None, within: Limits) -> Limits:
    """The limits of one run. Raises `InvalidInput` where they are wider than the sandbox's."""
    if limits is None:
        return within
    checked_limits(limits)
    for field in fields(Limits):
        asked, given = getattr(limits, field.name), getattr(within, field.name)
        if asked == given:
            continue
        if asked is None or given is None:
            raise InvalidInput(
                f"limit {field.name} must be set on the sandbox and on each of its runs, or on none"
            )
        if asked > given:
            raise InvalidInput(
                f"limit {field.name} of the run is {asked:,}, wider than the sandbox's {given:,}",
                hint="Give the sandbox the widest limits that any of its runs needs.",
            )
    return limits


def checked_mounts(mounts: Sequence[Mount]) -> tuple[Mount, ...]:
    """Raises `InvalidInput` for too many, and for two at one place."""
    chosen = tuple(mounts)
    if len(chosen) > MOST_MOUNTS:
        raise InvalidInput(
            f"mounts has {len(chosen):,} entries, more than {MOST_MOUNTS}",
            hint="Mount a directory that several of them are in.",
        )
    places = set[str]()
    for mount in chosen:
        if not isinstance(mount, Mount):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidInput(f"each of mounts must be a Mount, not {_kind(mount)}")
        if mount.guest in places:
            raise InvalidInput(
                f"two of mounts have the place {mount.guest!r}", hint="Give each one of its own."
            )
        places.add(mount.guest)
    return chosen


def _check_text(value: object, what: str) -> None:
    if not isinstance(value, str):
        raise InvalidInput(f"{what} must be text, not {_kind(value)}")
    if "\0" in value:
        raise InvalidInput(f"{what} must not hold NUL: {value[:60]!r}")


def _check_amount(words: Sequence[str], what: str) -> None:
    size = sum(len(_encoded(word, what)) + 1 for word in words)
    if len(words) > MOST_WORDS or size > WORDS_BYTES:
        raise InvalidInput(
            f"{what} has {len(words):,} entries of {size:,} bytes together, "
            f"more than {MOST_WORDS:,} or {WORDS_BYTES:,}",
            hint="Pass large data as stdin or in a mount.",
        )


def _encoded(text: str, what: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{what} can't be written as UTF-8: {error.reason}") from None


def _kind(value: object) -> str:
    return type(value).__name__
