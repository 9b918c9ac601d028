"""Package sets made of given files, and guests over them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from hermetic_runtime.cache import cache_directory
from hermetic_runtime.compilation import Metering
from hermetic_runtime.environments import Environment, LoadedEnvironment, load_environment
from hermetic_runtime.guest import Guest
from hermetic_runtime.guest_threads import run_in_guest_thread
from hermetic_runtime.kernel.image_writing import write_image
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.packages.layout import DESCRIPTION, IMAGE
from hermetic_runtime.preparation import prepare
from hermetic_runtime.requests import GuestSettings, RunReport, RunRequest
from hermetic_runtime.side_module_cache import FOLDER
from hermetic_runtime.side_modules import compile_side_modules

T = TypeVar("T")
LIMITS = Limits(wall_seconds=60, memory_bytes=512 * MIB)


def make_environment(
    directory: Path, files: Mapping[str, bytes], metering: Metering = Metering.NONE
) -> Environment:
    """`files` are by their paths in site-packages; those that end in .so are compiled,
    into the cache of all tests: `directory` stands for a cache that holds the set.
    """
    binaries = {path: contents for path, contents in files.items() if path.endswith(".so")}
    hashes = {path: sha256(contents).hexdigest() for path, contents in binaries.items()}
    packages = directory / "packages" / "set"
    packages.mkdir(parents=True)
    write_image(packages / IMAGE, files.items())
    (packages / DESCRIPTION).write_text(json.dumps({"side_modules": hashes}))
    (directory / FOLDER).symlink_to(cache_directory() / FOLDER)
    compile_side_modules(
        {hashes[path]: contents for path, contents in binaries.items()}, metering, lambda *_: None
    )
    return Environment(prepare(metering=metering), packages)


def with_guest(
    environment: LoadedEnvironment,
    use: Callable[[Guest, Callable[[str], RunReport]], T],
    settings: GuestSettings | None = None,
) -> T:
    """Call `use` with a booted guest and a function that runs a source in it."""

    def call() -> T:
        guest = Guest(
            environment,
            settings or GuestSettings(LIMITS),
            deliver=lambda *_: None,
            request_input=lambda: None,
        )
        try:
            guest.boot()
            return use(guest, lambda source: guest.run(_request(source)))
        finally:
            guest.close()

    return run_in_guest_thread(call)


def _request(source: str) -> RunRequest:
    return RunRequest(source=source.encode(), filename="t.py", arguments=(), limits=LIMITS)


def run_over(environment: Environment, *sources: str) -> list[RunReport]:
    """Run sources in one guest."""
    loaded = load_environment(environment)
    return with_guest(loaded, lambda _, run: [run(source) for source in sources])


def value_over(environment: Environment, source: str) -> object:
    """The value of a source's last expression, as JSON gives it."""
    [report] = run_over(environment, source)
    assert report.error is None, report.error
    assert report.value is not None
    return report.value.json


def import_error(environment: Environment, source: str) -> str:
    """The message of the ImportError that a source ends with."""
    [report] = run_over(environment, source)
    assert report.error is not None
    assert report.error.type == "ImportError", report.error
    return report.error.message
