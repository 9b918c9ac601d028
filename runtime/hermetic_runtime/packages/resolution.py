"""Resolving and installing what is not remembered."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager

from packaging.requirements import Requirement

from hermetic_runtime.cache import ENVIRONMENT_VARIABLE, cache_directory, private_directory
from hermetic_runtime.errors import InstallError, PreparationError
from hermetic_runtime.packages.choosing import Chooser
from hermetic_runtime.packages.ensuring import check_set, open_resolved
from hermetic_runtime.packages.install_errors import ClassifiedInstallError, FailureKind
from hermetic_runtime.packages.lock import Lock
from hermetic_runtime.packages.making import OnProgress, make_set
from hermetic_runtime.packages.package_set import PackageSet
from hermetic_runtime.packages.remembered import (
    Resolution,
    is_fresh,
    recall,
    remember,
    resolutions_directory,
)
from hermetic_runtime.packages.requirements import normal_forms, parse_requirement
from hermetic_runtime.packages.resolving import Resolver
from hermetic_runtime.packages.settings import PackageRequest, PackageSettings
from hermetic_runtime.packages.targets import Target, pyodide_target, wasi_target
from hermetic_runtime.preparation import Progress

_WasiBuiltIn = Callable[[], Mapping[str, str]]


def resolve_and_install(
    request: PackageRequest,
    settings: PackageSettings,
    on_progress: OnProgress,
    wasi_built_in: _WasiBuiltIn | None,
) -> PackageSet:
    """As `ensuring.ensure_package_set`, which asks here for what is not remembered.

    Two processes that ask for the same at once do it once: the second finds it remembered.
    """
    requirements = [
        parse_requirement(stated, allow_direct=settings.allow_direct_references)
        for stated in request.requirements
    ]
    _check_requirements(requirements, settings)
    resolver = Resolver(settings, settings.script_indexes(request.indexes))
    chooser = Chooser(request, requirements, resolver, wasi_built_in)
    key = request.key(settings, normal_forms(requirements))
    begun = time.time()
    try:
        with _request_lock(key):
            known = recall(key)
            age = time.time() - begun if settings.refresh else settings.max_age_seconds
            notes: tuple[str, ...] = ()
            if known is None or not is_fresh(known, age) or not _is_current(known):
                on_progress(Progress("resolving", 0.0))
                known, notes = _resolve(chooser, known)
            _check_wheels(known, settings)
            found = open_resolved(known, notes)
            if found is None:
                _install(known, settings, on_progress, wasi_built_in)
                found = open_resolved(known, notes)
            if found is None:
                raise PreparationError("a package set was made, and is not complete")
            check_set(found, settings)
            if not notes:
                remember(key, known)
                remember(request.key(settings), known)
    except OSError as error:
        raise _cache_error(error) from error
    return found


def _check_requirements(requirements: Sequence[Requirement], settings: PackageSettings) -> None:
    """Before anybody is asked for what they name."""
    rules = settings.rules
    if rules is None:
        return
    rules.check_names(wanted.name for wanted in requirements)
    for wanted in requirements:
        if wanted.url is not None:
            rules.check_indexes([wanted.url])


def _check_wheels(known: Resolution, settings: PackageSettings) -> None:
    """Before any of them is downloaded."""
    if settings.rules is not None:
        files = {wheel["name"]: wheel["file"] for wheel in known["wheels"]}
        settings.rules.check_names(files)
        settings.rules.check_files(files)


def _resolve(chooser: Chooser, known: Resolution | None) -> tuple[Resolution, tuple[str, ...]]:
    """A new resolution, or without a network the one that is known, and a note about that."""
    try:
        choice = chooser.choose()
    except ClassifiedInstallError as error:
        if error.kind != FailureKind.NETWORK or known is None or not _is_current(known):
            raise
        resolved = time.strftime("%Y-%m-%d", time.gmtime(known["resolved_at"]))
        return known, (f"the package index can't be reached: using what was chosen {resolved}",)
    target, lock = choice.target, choice.lock
    return {
        "resolved_at": time.time(),
        "interpreter": target.name,
        "identity": target.identity,
        "built_in": choice.built_in,
        "directory": lock.directory_name(target.identity) if lock.wheels else None,
        "wheels": lock.to_json(),
        "reasons": list(choice.reasons),
    }, ()


def _install(
    known: Resolution,
    settings: PackageSettings,
    on_progress: OnProgress,
    wasi_built_in: _WasiBuiltIn | None,
) -> None:
    target = _target(known, wasi_built_in)
    make_set(Lock.from_json(known["wheels"]), target, settings, on_progress)


def _target(known: Resolution, wasi_built_in: _WasiBuiltIn | None) -> Target:
    if known["interpreter"] == pyodide_target().name:
        return pyodide_target()
    return wasi_target(wasi_built_in() if wasi_built_in is not None else {})


def _is_current(known: Resolution) -> bool:
    """Whether it was resolved for an interpreter of this version."""
    try:
        return known["identity"] in (pyodide_target().identity, wasi_target({}).identity)
    except (KeyError, TypeError):
        return False


@contextmanager
def _request_lock(key: str) -> Generator[None]:
    from filelock import FileLock

    private_directory(resolutions_directory())
    locks = private_directory(resolutions_directory() / ".locks")
    with FileLock(locks / f"{key}.lock"):
        yield


def _cache_error(error: OSError) -> InstallError | PreparationError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ClassifiedInstallError(
            FailureKind.DISK,
            f"the disk is full: {error.filename or cache_directory()}",
            hint="Free some space, or set HERMETIC_CACHE_DIR to another disk.",
        )
    return PreparationError(
        f"the cache folder {cache_directory()} can't be used: {error}",
        hint=f"Set {ENVIRONMENT_VARIABLE} to a folder that you can write to.",
    )
