"""What the options of `resolve` and `env build` ask for."""

from __future__ import annotations

import argparse
from typing import NamedTuple

from hermetic.cli.package_arguments import read_package_settings
from hermetic.cli.programs import read_source
from hermetic_runtime.limits import Limits
from hermetic_runtime.providing import WantedEnvironment
from hermetic_runtime.sandbox import script_metadata


class WantedScript(NamedTuple):
    """A script, and what it and the options ask for."""

    source: bytes
    wanted: WantedEnvironment


def read_wanted(options: argparse.Namespace) -> WantedScript:
    """Raises `InvalidInput` for a file that can't be read, and for what its block says."""
    source = read_source(options.file, Limits().source_bytes) if options.file else b""
    wanted = WantedEnvironment(
        options.interpreter,
        tuple(options.requirements),
        tuple(options.requirements_files),
        script_metadata(source),
        read_package_settings(options),
    )
    return WantedScript(source, wanted)
