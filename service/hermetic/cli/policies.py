"""`hermetic policy check`, `explain`, `test`, `init` and `schema`."""

from __future__ import annotations

import argparse
import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from hermetic.cli import exit_status
from hermetic.cli.messages import report_error
from hermetic.cli.quantities import format_seconds, format_size
from hermetic.cli.standard_descriptors import STDOUT
from hermetic.cli.standard_streams import write
from hermetic.errors import PolicyError
from hermetic.policy.cases import counter_path, judge_call, parse_time, run_cases
from hermetic.policy.decisions import CounterKey, Decision, Verdict
from hermetic.policy.loading import load_policy
from hermetic.policy.rules import Section
from hermetic_runtime.errors import InvalidInput

_ARGUMENTS_HINT = """As in --args '{"code": "1"}'."""


def run_policy_command(action: str, options: argparse.Namespace) -> int:
    """The exit status."""
    match action:
        case "check":
            return _check([Path(file) for file in options.files])
        case "explain":
            return _explain(options)
        case "test":
            return _test(Path(options.file))
        case "init":
            return _init(Path(options.file))
        case _:
            from hermetic.policy.schema import policy_schema

            _print(policy_schema().rstrip("\n"))
            return 0


def _check(files: list[Path]) -> int:
    """Says what is wrong with each, so that all of it can be mended at once."""
    wrong = 0
    for file in files:
        try:
            _print(_described(file))
        except PolicyError as error:
            wrong += 1
            report_error(error)
    return exit_status.MISUSE if wrong else 0


def _described(file: Path) -> str:
    """Raises `PolicyError`."""
    policy = load_policy(file)
    default = "deny" if policy.top.default_deny else "allow"
    parts = [_count(_tool_count(policy.top), "tool"), _count(_rule_count(policy.top), "rule")]
    if policy.grants is not None:
        parts.append(_count(len(policy.grants), "grant"))
    return f"{file} is a policy: {', '.join(parts)}, default {default}"


def _explain(options: argparse.Namespace) -> int:
    policy = load_policy(Path(options.file))
    now = parse_time(options.now)
    decision, counters = judge_call(
        policy,
        tool=options.tool,
        grant=options.grant,
        arguments=_arguments(options.args),
        required=options.required or ["code"],
        counters=dict(_counter(text) for text in options.counter),
        now=now,
    )
    _print(f"{options.tool}, called by {options.grant} at {_moment(now)}")
    for rule in decision.considered:
        _print(f"  {'passed ' if rule.passed else 'stopped'}  {rule.rule}: {rule.why}")
    _show_counters(counters, decision)
    _print(f"{decision.verdict.value}, decided by {decision.rule}")
    if decision.verdict is not Verdict.ALLOW:
        _print(decision.reason)
    if decision.verdict is not Verdict.DENY:
        _show_allowance(decision)
    return 0


def _show_counters(counters: dict[CounterKey, float], decision: Decision) -> None:
    adds = {reservation.key: reservation for reservation in decision.reservations}
    for key, value in counters.items():
        text = f"  counter  {counter_path(key)}: {value:,g} since {_moment(key.start)}"
        if reservation := adds.get(key):
            most = "" if reservation.most is None else f", at most {reservation.most:,g}"
            text += f", this call adds {reservation.amount:,g}{most}"
        _print(text)


def _show_allowance(decision: Decision) -> None:
    caps = decision.allowance.caps
    for name in decision.allowance.limits.__dataclass_fields__:
        value = getattr(decision.allowance.limits, name)
        if value is None:
            continue
        shown = f"{value:,}"
        if name.endswith("_bytes"):
            shown = format_size(value)
        elif name.endswith("_seconds"):
            shown = format_seconds(value)
        _print(f"  limit    {name}: {shown}, by {caps.get(name, 'default')}")
    for name, rule in caps.items():
        if "." in name or name == "interpreters":
            part, _, field = name.partition(".")
            value = getattr(decision.allowance, part)
            _print(f"  limit    {name}: {getattr(value, field) if field else value}, by {rule}")


def _test(file: Path) -> int:
    outcomes = run_cases(file)
    failed = 0
    for outcome in outcomes:
        failed += bool(outcome.differences)
        _print(f"{'FAILED' if outcome.differences else 'passed'}  {outcome.name}")
        for difference in outcome.differences:
            _print(f"        {difference}")
    _print(f"{_count(len(outcomes), 'case')}, {failed or 'none'} failed")
    return exit_status.BROKEN if failed else 0


def _init(file: Path) -> int:
    from importlib.resources import files

    text = (files("hermetic.policy") / "starter.yaml").read_bytes()
    try:
        with file.open("xb") as opened:
            opened.write(text)
    except FileExistsError as error:
        raise InvalidInput(f"{file} exists already", hint="Name another file.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidInput(f"{file} can't be written: {reason}") from error
    _print(f"{file} is written; `hermetic policy check {file}` checks it")
    return 0


def _arguments(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"--args is not JSON: {error}", hint=_ARGUMENTS_HINT) from error
    if not isinstance(given, dict):
        raise InvalidInput("--args is not a JSON object", hint=_ARGUMENTS_HINT)
    return cast("dict[str, Any]", given)


def _counter(text: str) -> tuple[str, float]:
    path, _, number = text.rpartition("=")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not path or not 0 <= value <= 1e15:
        raise InvalidInput(
            f"--counter {text[:100]!r} is not a counter and its value",
            hint="As in --counter state.run._rate_minute=9.",
        )
    return path, value


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _tool_count(section: Section) -> int:
    return len(section.tools)


def _rule_count(section: Section) -> int:
    return sum(map(len, section.tools.values())) + len(section.every)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _print(line: str) -> None:
    write(STDOUT, f"{line}\n".encode("utf-8", "backslashreplace"))
