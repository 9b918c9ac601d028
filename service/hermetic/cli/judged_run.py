"""`hermetic run --policy`: what policy makes of a run."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from hermetic.cli.limits import given_limits
from hermetic.cli.package_arguments import read_package_settings
from hermetic.cli.programs import Program
from hermetic.errors import ApprovalRequired, HermeticError, PolicyDenied
from hermetic.grants import Grant
from hermetic.policy.allowances import narrow
from hermetic.policy.decisions import Allowance, Call
from hermetic.policy.enforcing import REQUIRED_ARGUMENTS, bounding_imports, open_policy
from hermetic.policy.gate_settings import GateSettings
from hermetic.settings import ServiceSettings
from hermetic_runtime.import_rules import ImportRules
from hermetic_runtime.limits import Limits
from hermetic_runtime.packages.settings import PackageSettings
from hermetic_runtime.reported import Outcome, RunError
from hermetic_runtime.results import RunResult

Execute = Callable[[Limits, PackageSettings | None, ImportRules | None], RunResult]


class JudgedRun(NamedTuple):
    """A result, and the limits that policy gave the run."""

    result: RunResult
    limits: Limits


def run_judged(
    options: argparse.Namespace,
    program: Program,
    environment: Mapping[str, str],
    execute: Execute,
    *,
    clock: Callable[[], float] | None = None,
) -> JudgedRun:
    """Run what the policy of the options allows, within what it allows.

    A refusal is a result as well, with the outcome `denied`. Raises `PolicyError`,
    `CountersUnavailable` and what `execute` does.
    """
    tool = ServiceSettings.read(os.environ, {"tool_name": options.tool_name}).tool_name
    grant = Grant(options.grant, options.grant)
    call = Call(
        tool=tool,
        arguments=_arguments(options, program, environment),
        grant=grant,
        required=REQUIRED_ARGUMENTS,
    )
    settings = GateSettings.read(os.environ)
    with open_policy(
        Path(options.policy), settings, tool=tool, clock=clock or time.time, watch=False
    ) as policy:
        try:
            with policy.gate.admit(call) as admission:
                allowance = admission.decision.allowance
                limits = _limits(options, allowance)
                packages = replace(
                    read_package_settings(options) or PackageSettings(),
                    rules=allowance.packages,
                    interpreters=allowance.interpreters,
                )
                result = execute(limits, packages, bounding_imports(allowance))
                admission.carried_out(result)
                return JudgedRun(result, limits)
        except (PolicyDenied, ApprovalRequired) as error:
            return JudgedRun(_refused(error), Limits())


def _arguments(
    options: argparse.Namespace, program: Program, environment: Mapping[str, str]
) -> dict[str, Any]:
    """By the names that they have at the other doors; those that were given."""
    arguments: dict[str, Any] = {
        "code": program.source.decode("utf-8", "replace"),
        "filename": program.filename,
        "args": list(program.arguments),
        "env": dict(environment),
        "requirements": options.requirements,
        "limits": given_limits(options),
    }
    if options.interpreter != "auto":
        arguments["interpreter"] = options.interpreter
    return {name: value for name, value in arguments.items() if value}


def _limits(options: argparse.Namespace, allowance: Allowance) -> Limits:
    """Raises `PolicyDenied` for more than is allowed."""
    asked = given_limits(options)
    if options.cpu_seconds is None and "cpu_seconds" in asked:
        asked["cpu_seconds"] = min(asked["cpu_seconds"], allowance.limits.cpu_seconds)
    return narrow(allowance, asked)


def _refused(error: HermeticError) -> RunResult:
    name = type(error).__name__
    return RunResult(
        Outcome.DENIED, error=RunError(name, error.message, hint=error.hint), exit_code=1
    )
