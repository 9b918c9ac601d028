"""Making the WASI interpreter ready on this machine: quickly at first, then well.

The quick compiler's code serves until the optimising one, in the background and at the
lowest priority, has made better; whoever starts a guest then gets that.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hermetic_runtime.cache import cache_directory, private_directory
from hermetic_runtime.compilation import Compiler, Metering, compilation_key
from hermetic_runtime.errors import PreparationError
from hermetic_runtime.preparation import Progress
from hermetic_runtime.prepared import PREPARED_FORMAT, is_complete
from hermetic_runtime.uv_executable import uv_executable
from hermetic_wasm.wasi_image import WASI, WasiImage


def prepared_wasi_directory(
    metering: Metering, compiler: Compiler, image: WasiImage = WASI
) -> Path:
    """Where the interpreter is, or will be, ready to run."""
    name = f"{image.name}-{image.version}-{image.content_hash()[:12]}-s{PREPARED_FORMAT}"
    return cache_directory() / "interpreters" / name / compilation_key(metering, compiler)


def prepare_wasi(
    *,
    metering: str = Metering.NONE,
    on_progress: Callable[[Progress], None] | None = None,
    optimise: bool = True,
) -> Path:
    """The directory of an interpreter that is ready to run; fetched and made if there is none.

    Making it takes about half a minute on two cores, without the download. Until the
    better one is there, each call sees to it that one process is working on that, unless
    `optimise` is False. Raises `ImageError` when the interpreter can't be fetched, and
    `PreparationError`.
    """
    chosen = Metering(metering)
    optimised = prepared_wasi_directory(chosen, Compiler.CRANELIFT)
    if is_complete(optimised):
        return private_directory(optimised)
    quick = prepared_wasi_directory(chosen, Compiler.WINCH)
    if not is_complete(quick):
        from hermetic_runtime.preparing_process import run_preparing  # only needed this once

        argument = _argument(chosen, Compiler.WINCH)
        run_preparing("wasi", argument, on_progress or (lambda _: None))
        if not is_complete(quick):
            raise PreparationError(f"preparing ended, but {quick} is not complete")
    if optimise:
        optimise_in_background(chosen)
    return private_directory(quick)


def optimise_in_background(metering: Metering) -> bool:
    """Start the optimising compiler, unless it is at work; whether it was started."""
    from hermetic_runtime.preparing_process import start_preparing
    from hermetic_runtime.replacement import working_on

    with working_on(prepared_wasi_directory(metering, Compiler.CRANELIFT)) as alone:
        if alone:
            start_preparing("wasi", _argument(metering, Compiler.CRANELIFT))
        return alone


def _argument(metering: Metering, compiler: Compiler) -> dict[str, Any]:
    return {"metering": metering.value, "compiler": compiler.value, "uv": uv_executable()}
