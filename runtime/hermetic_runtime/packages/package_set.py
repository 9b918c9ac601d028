"""Package sets as everything but their making sees them. Quick to import."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, cast

from hermetic_runtime.cache import cache_directory
from hermetic_runtime.packages.layout import DESCRIPTION, IMAGE, LAST_USE
from hermetic_runtime.packages.record_forms import are_texts, are_wheels, has, read_record, set_name

SETS = "sets"


class Description(TypedDict):
    """`set.json`. `image` is the size in bytes and the SHA-256 of the packed files;
    `has_bytecode` says whether they include what their sources compile to.
    """

    interpreter: str
    image: tuple[int, str]
    has_bytecode: bool
    distributions: dict[str, str]
    side_modules: dict[str, str]
    lock: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class PackageSet:
    """What a request came to. `interpreter` is "pyodide" or "wasi".

    `directory` is None when the interpreter itself has everything. `distributions` are
    versions by name of what is in it, `built_in` of what was asked for and is part of the
    interpreter, `side_modules` SHA-256 (hexadecimal) by path, `reasons` say why
    this interpreter, and `notes` what the caller may want to know.
    """

    interpreter: str
    directory: Path | None
    distributions: Mapping[str, str]
    side_modules: Mapping[str, str]
    lock: tuple[Mapping[str, Any], ...]
    has_bytecode: bool
    built_in: Mapping[str, str]
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def sets_directory() -> Path:
    """Where package sets are, each in a folder of its own."""
    return cache_directory() / SETS


def read_description(directory: Path) -> Description | None:
    """Of a set that is complete, as far as sizes tell, and has the name that its lock gives it;
    None for any other.
    """
    record = read_record(directory / DESCRIPTION)
    if record is None or not _is_description(record):
        return None
    if set_name(directory.name.rpartition("-")[0], record["lock"]) != directory.name:
        return None
    try:
        complete = (directory / IMAGE).stat().st_size == record["image"][0]
    except OSError:
        return None
    return cast("Description", record) if complete else None


def _is_description(record: Mapping[str, Any]) -> bool:
    return (
        has(record, interpreter=str, image=list, has_bytecode=bool)
        and has(record, distributions=dict, side_modules=dict)
        and [type(each) for each in record["image"]] == [int, str]
        and are_texts(record["side_modules"])
        and are_wheels(record.get("lock"))
        and record["distributions"] == {it["name"]: it["version"] for it in record["lock"]}
    )


def open_set(
    directory: Path,
    built_in: Mapping[str, str] | None = None,
    reasons: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
) -> PackageSet | None:
    """A set that is complete, None if it is not. Counts as a use of it."""
    description = read_description(directory)
    if description is None:
        return None
    try:
        os.utime(directory / LAST_USE)
    except OSError:
        pass
    return PackageSet(
        interpreter=description["interpreter"],
        directory=directory,
        distributions=description["distributions"],
        side_modules=description["side_modules"],
        lock=tuple(description["lock"]),
        has_bytecode=description["has_bytecode"],
        built_in=built_in or {},
        reasons=reasons,
        notes=notes,
    )
