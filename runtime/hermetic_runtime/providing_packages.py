"""Packages, resolved and made ready for an interpreter, and that interpreter."""

from __future__ import annotations

from hermetic_runtime.compilation import Metering
from hermetic_runtime.environments import Environment
from hermetic_runtime.errors import PreparationError
from hermetic_runtime.packages.asking import package_request
from hermetic_runtime.packages.ensuring import ensure_package_set
from hermetic_runtime.packages.package_set import PackageSet
from hermetic_runtime.packages.settings import PackageRequest
from hermetic_runtime.preparing_process import run_preparing
from hermetic_runtime.providing import (
    OnProgress,
    ProvidedEnvironment,
    WantedEnvironment,
    prepare_interpreter,
    repair,
)
from hermetic_runtime.side_module_cache import is_compiled
from hermetic_wasm.wasi_built_in import BUILT_IN


def requested_packages(wanted: WantedEnvironment) -> PackageRequest:
    """Raises `InvalidInput` when a file of requirements can't be read."""
    return package_request(
        wanted.script,
        requirements=wanted.requirements,
        files=wanted.files,
        interpreter=None if wanted.interpreter == "auto" else wanted.interpreter,
    )


def resolve_packages(
    wanted: WantedEnvironment, on_progress: OnProgress
) -> tuple[PackageRequest, PackageSet | None]:
    """What is asked for, and the package set for it, None if nothing is."""
    request = requested_packages(wanted)
    found = ensure_package_set(
        request,
        settings=wanted.settings,
        on_progress=on_progress,
        wasi_built_in=lambda: BUILT_IN,
    )
    return request, found


def provide_packages(
    wanted: WantedEnvironment, metering: Metering, on_progress: OnProgress
) -> ProvidedEnvironment:
    """An environment without snapshots, and notes. Raises what `providing.provide` raises."""
    request, found = resolve_packages(wanted, on_progress)
    if found is None:
        name = request.interpreter
        if wanted.settings is not None:
            name = wanted.settings.interpreter(name)
        directory = prepare_interpreter(name, metering, on_progress)
        return ProvidedEnvironment(Environment(directory))
    environment = Environment(
        prepare_interpreter(found.interpreter, metering, on_progress), found.directory
    )
    try:
        _prepare_set(found, environment, metering, on_progress)
    except PreparationError:
        if not repair(environment):
            raise
        prepare_interpreter(found.interpreter, metering, on_progress)
        found = resolve_packages(wanted, on_progress)[1] or found
        _prepare_set(found, environment, metering, on_progress)
    return ProvidedEnvironment(environment, notes=found.notes)


def _prepare_set(
    found: PackageSet, environment: Environment, metering: Metering, on_progress: OnProgress
) -> None:
    """Compile what is in a set: extension modules to native code, sources to bytecode."""
    wanted = Metering(metering)
    compiled = all(is_compiled(sha256, wanted) for sha256 in found.side_modules.values())
    if compiled and found.has_bytecode:
        return
    argument = {
        "set": str(found.directory),
        "interpreter": str(environment.interpreter),
        "metering": metering,
    }
    run_preparing("packages", argument, on_progress)
