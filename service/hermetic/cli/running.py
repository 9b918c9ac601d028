"""`hermetic run`."""

from __future__ import annotations

import argparse
import gc
import json
from collections.abc import Callable, Sequence

from hermetic.cli import exit_status
from hermetic.cli.limits import read_limits
from hermetic.cli.made import describe_made
from hermetic.cli.messages import say
from hermetic.cli.outcomes import describe_ending
from hermetic.cli.package_arguments import read_package_settings
from hermetic.cli.programs import read_program
from hermetic.cli.progress import PreparationBar
from hermetic.cli.standard_descriptors import STDERR, STDOUT
from hermetic.cli.standard_streams import write
from hermetic_runtime import sandbox
from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.import_rules import ImportRules
from hermetic_runtime.limits import Limits
from hermetic_runtime.mounts import Mount
from hermetic_runtime.reported import Outcome
from hermetic_runtime.results import RunResult

TYPE_CHECKING = False  # a run without packages need not load what finds them
if TYPE_CHECKING:
    from hermetic_runtime.packages.settings import PackageSettings

_DESCRIPTORS = {"stdout": STDOUT, "stderr": STDERR}


def run(options: argparse.Namespace, *, clock: Callable[[], float] | None = None) -> int:
    """Run one program; its exit status. `clock`, in seconds since the epoch, is policy's."""
    gc.freeze()  # what was imported, which the first collection would go through
    gc.enable()
    limits = read_limits(options)
    environment = read_environment(options.env)
    mounts = [Mount.parse(text) for text in options.mount]
    program = read_program(options.code, options.program, source_bytes=limits.source_bytes)
    with PreparationBar() as bar:

        def pass_on(stream: str, data: bytes) -> None:
            bar.remove()
            write(_DESCRIPTORS[stream], data)

        def execute(
            limits: Limits, packages: PackageSettings | None, imports: ImportRules | None
        ) -> RunResult:
            return sandbox.run(
                program.source,
                filename=program.filename,
                args=program.arguments,
                stdin=program.stdin,
                env=environment,
                mounts=mounts,
                limits=limits,
                out=options.out,
                requirements=options.requirements,
                requirements_files=options.requirements_files,
                interpreter=options.interpreter,
                packages=packages,
                imports=imports,
                isolation=options.isolation,
                capture_value=options.json,
                on_output=None if options.json else pass_on,
                on_progress=bar.show,
            )

        if options.policy is None:
            result = execute(limits, read_package_settings(options), None)
        else:
            from hermetic.cli.judged_run import run_judged

            result, limits = run_judged(options, program, environment, execute, clock=clock)
    if options.json:
        write(STDOUT, json.dumps(result.to_dict(), indent=2).encode() + b"\n")
    else:
        for line in describe_made(result, options.out):
            say(line)
    for note in result.notes:
        say(note)
    ending = describe_ending(result, limits)
    if ending is not None:
        say(ending.message, hint=ending.hint)
    return exit_status.DENIED if result.outcome is Outcome.DENIED else result.exit_code


def read_environment(words: Sequence[str]) -> dict[str, str]:
    """Raises `InvalidInput` for a word that is not NAME=VALUE."""
    environment: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name or not equals:
            raise InvalidInput(
                f"--env {word[:60]!r} is not a name and its value", hint="Write it as NAME=VALUE."
            )
        environment[name] = value
    return environment
