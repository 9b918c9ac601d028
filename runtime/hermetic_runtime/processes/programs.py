"""How this package starts a Python of its own: the zygote, or a guest process."""

from __future__ import annotations

import importlib.util
import os
import sys

from hermetic_runtime.errors import SandboxCrashed

CONTROL_DESCRIPTOR = 3
"""Where a process that we start finds its socket."""

_PACKAGES = ("hermetic_runtime", "hermetic_wasm", "wasmtime", "msgpack")
_KEPT_VARIABLES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What a Python that is not in a system folder may need to start at all."""


def python_command(module: str, argument: str) -> list[str]:
    """The command that calls `main(argument)` of a module of ours, and nothing else.

    The new Python runs isolated (-I) and without site (-S): no PYTHONPATH, no user
    site, no .pth file, no current folder. It finds our packages where this process
    found them, and only after the standard library.
    """
    if not sys.executable:
        raise SandboxCrashed(
            "guest processes can't be started: sys.executable is empty",
            hint='isolation="shared" needs no other process.',
        )
    code = (
        f"import sys; sys.path += {_package_folders()!r}; "
        f"from {module} import main; main({argument!r})"
    )
    no_bytecode = ["-B"] if sys.dont_write_bytecode else []
    return [sys.executable, "-I", "-S", "-X", "utf8", *no_bytecode, "-c", code]


def clean_environment() -> dict[str, str]:
    """Nothing of the caller's, but what finds shared libraries."""
    return {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}


def _package_folders() -> list[str]:
    folders = dict[str, None]()
    for package in _PACKAGES:
        spec = importlib.util.find_spec(package)
        for location in (spec and spec.submodule_search_locations) or ():
            folders[os.path.dirname(os.path.abspath(location))] = None
    return list(folders)
