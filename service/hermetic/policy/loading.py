"""Policy files: read, checked, and made into what is judged."""

from __future__ import annotations

import hashlib
from pathlib import Path as FilePath
from typing import Any, cast

from pydantic import ValidationError

from hermetic.errors import PolicyError
from hermetic.policy.compiling import compile_section
from hermetic.policy.conditions import CounterNames
from hermetic.policy.document import PolicyDocument, Sandbox
from hermetic.policy.faults import Fault
from hermetic.policy.profiles import BUILT_IN, checked_sandbox
from hermetic.policy.rules import Policy
from hermetic.policy.source_tree import MOST_BYTES, Path, SourceTree, format_path, read_source

_MOST_SHOWN = 10
_HINT = "docs/policy.md describes the format; `hermetic policy schema` prints its JSON Schema."
_OURS = ("all_tools", "sandbox", "profiles", "grants")
_OF_TOOLS = ("require", "deny_if", "limits", "sandbox")
_MESSAGES = {
    "extra_forbidden": "there is no such key here",
    "missing": "this key is required",
}


def load_policy(path: FilePath) -> Policy:
    """Raises `PolicyError` for what can't be read and for what is no policy."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PolicyError(f"the policy {path} can't be read: {reason}") from error
    return parse_policy(data, str(path))


def parse_policy(data: bytes, name: str = "policy") -> Policy:
    """The policy in the bytes of a file; `name` is what errors call it.

    Raises `PolicyError`.
    """
    tree = read_source(data, name)
    given = cast("object", tree.value)
    if not isinstance(given, dict):
        raise PolicyError(f"{name}:1: a policy is a mapping with `version`", hint=_HINT)
    try:
        document = PolicyDocument.model_validate(given)
    except ValidationError as error:
        raise shape_error(error, tree) from error
    try:
        return _compile(document, cast("dict[str, Any]", given), name, data)
    except Fault as fault:
        raise PolicyError(_located(tree, fault.path, fault.what), hint=_HINT) from fault


def _compile(document: PolicyDocument, given: dict[str, Any], name: str, data: bytes) -> Policy:
    if document.default is None and not _is_intercept(given):
        raise Fault(("default",), "say `default: deny` or `default: allow`")
    profiles: dict[str, Sandbox] = {**BUILT_IN, **document.profiles}
    for profile, sandbox in document.profiles.items():
        path = ("profiles", profile)
        if sandbox.profile is not None:
            raise Fault((*path, "profile"), "a profile does not name another one")
        checked_sandbox(sandbox, path, profiles)
    top, names = compile_section(document, (), CounterNames(), profiles)
    grants = None
    if document.grants is not None:
        grants = {
            grant: compile_section(part, ("grants", grant), names, profiles)[0]
            for grant, part in document.grants.items()
        }
    return Policy(
        name=name,
        digest=hashlib.sha256(data).hexdigest(),
        description=document.description or "",
        top=top,
        grants=grants,
        profiles=profiles,
    )


def _is_intercept(given: dict[str, Any]) -> bool:
    """Whether only keys of Intercept's format are there, in which `default` may be left out."""
    tools = given.get("tools", {})
    if any(key in given for key in _OURS) or not isinstance(tools, dict):
        return False
    parts = cast("dict[str, dict[str, Any]]", tools).values()
    return all("rules" in part and not any(key in part for key in _OF_TOOLS) for part in parts)


def shape_error(error: ValidationError, tree: SourceTree) -> PolicyError:
    """An error of pydantic as one of ours, with file, lines and paths."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    lines: list[str] = []
    for problem in problems[:_MOST_SHOWN]:
        path = tuple(part for part in problem["loc"] if part != "[key]")
        what = _MESSAGES.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
        if path == ("version",) and problem["type"] == "literal_error":
            what = 'the version must be "1", in quotes'
        lines.append(_located(tree, path, what))
    if len(problems) > _MOST_SHOWN:
        lines.append(f"and {len(problems) - _MOST_SHOWN} more")
    return PolicyError("\n".join(lines), hint=_HINT)


def _located(tree: SourceTree, path: Path, what: str) -> str:
    where = format_path(path)
    if len(where) > 300:
        where = f"{where[:300]}..."
    return f"{tree.name}:{tree.line(path)}: {where}: {what}" if where else f"{tree.name}: {what}"
