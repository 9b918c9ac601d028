"""The way in: from what a script asks for to a package set that is ready."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hermetic_runtime.packages.package_set import PackageSet, open_set, sets_directory
from hermetic_runtime.packages.remembered import Resolution, is_fresh, recall
from hermetic_runtime.packages.settings import PackageRequest, PackageSettings
from hermetic_runtime.preparation import Progress
from hermetic_wasm.images import PYODIDE


def ensure_package_set(
    request: PackageRequest,
    *,
    settings: PackageSettings | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    wasi_built_in: Callable[[], Mapping[str, str]] | None = None,
) -> PackageSet | None:
    """The packages for a request, resolved and installed unless they are there; None when
    nothing is asked for.

    What is remembered takes no network and about a millisecond. `wasi_built_in` gives the
    versions, by normalised name, of what the WASI interpreter has built in, and is called when
    that interpreter is considered; without it, it is not. Raises `InstallError`,
    `PackageDenied`, also for what is remembered, `InvalidScript`, `InvalidInput`, and
    `PreparationError` when the cache or uv can't be used.
    """
    if request.is_empty():
        return None
    settings = settings or PackageSettings()
    if not settings.refresh:
        known = recall(request.key(settings))
        if known is not None and is_fresh(known, settings.max_age_seconds):
            found = open_resolved(known)
            if found is not None:
                check_set(found, settings)
                return found
    from hermetic_runtime.packages.resolution import resolve_and_install  # slow to import

    return resolve_and_install(request, settings, on_progress or (lambda _: None), wasi_built_in)


def check_set(found: PackageSet, settings: PackageSettings) -> None:
    """Raises `PackageDenied` when something in a set may not be used."""
    settings.check_interpreter(found.interpreter)
    if settings.rules is not None:
        settings.rules.check_names((*found.distributions, *found.built_in))
        settings.rules.check_extension_modules(found.side_modules)


def open_resolved(resolution: Resolution, notes: tuple[str, ...] = ()) -> PackageSet | None:
    """The set of a resolution, if it is there, for the interpreters of this version."""
    try:
        reasons = tuple(resolution["reasons"])
        name, interpreter = resolution["directory"], resolution["interpreter"]
        pyodide = f"{PYODIDE.name}-{PYODIDE.version}"
        if interpreter == PYODIDE.name and resolution["identity"] != pyodide:
            return None
        if name is not None:
            return open_set(sets_directory() / name, resolution["built_in"], reasons, notes)
        built_in = resolution["built_in"]
        return PackageSet(interpreter, None, {}, {}, (), True, built_in, reasons, notes)
    except (KeyError, TypeError):
        return None
