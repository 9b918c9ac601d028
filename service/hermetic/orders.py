"""What is to be run, and what happens while it runs: the types between doors and runs."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, cast

from hermetic.grants import decode_limits
from hermetic_runtime.import_rules import ImportRules
from hermetic_runtime.limits import Limits
from hermetic_runtime.packages.rules import PackageRules
from hermetic_runtime.packages.settings import PackageSettings
from hermetic_runtime.providing import InterpreterName
from hermetic_runtime.reported import Display
from hermetic_runtime.request_checks import checked_environment, checked_request
from hermetic_runtime.requests import RunRequest
from hermetic_runtime.results import RunResult


@dataclass(frozen=True, slots=True)
class SessionPlace:
    """A session, and the generation that it had when the run was taken in."""

    id: str
    generation: int


@dataclass(frozen=True, slots=True)
class RunOrder:
    """One run, as a door asks for it. The fields are those of `hermetic_runtime.run`.

    One in a `session` has the session's packages and variables of the environment. With
    `keep_files` the files that it makes are kept in a folder that has the run's id.
    """

    code: str
    filename: str = "<code>"
    args: tuple[str, ...] = ()
    stdin: bytes = b""
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    limits: Limits = Limits()
    requirements: tuple[str, ...] = ()
    interpreter: InterpreterName = "auto"
    session: SessionPlace | None = None
    keep_files: bool = False
    interpreters: tuple[str, ...] = ("pyodide", "wasi")
    """Those that may be taken."""
    package_rules: PackageRules | None = None
    imports: ImportRules | None = None

    def package_settings(self) -> PackageSettings | None:
        """None where everything is allowed."""
        if self.package_rules is None:
            return None
        return PackageSettings(rules=self.package_rules, interpreters=self.interpreters)

    def request(self, *, followed: bool) -> RunRequest:
        """What a guest of its own is asked. Raises `InvalidInput` for what can't be run."""
        checked_environment(self.env)
        return checked_request(
            self.code,
            filename=self.filename,
            args=self.args,
            limits=self.limits,
            final=True,
            capture_value=True,
            inputs=self.inputs,
            files=self.files,
            imports=self.imports,
            followed=followed,
        )

    def encode(self) -> str:
        """As JSON, for `decode`."""
        files = {path: _base64(data) for path, data in self.files.items()}
        return json.dumps(asdict(self) | {"stdin": _base64(self.stdin), "files": files})

    @classmethod
    def decode(cls, text: str) -> RunOrder:
        """What `encode` wrote. Raises `ValueError`, `KeyError` or `TypeError` for other texts."""
        given = json.loads(text)
        order = cls(**given)
        rules, imports = given.get("package_rules"), given.get("imports")
        return replace(
            order,
            args=tuple(given["args"]),
            requirements=tuple(given["requirements"]),
            stdin=base64.b64decode(given["stdin"]),
            files={path: base64.b64decode(data) for path, data in given["files"].items()},
            limits=decode_limits(json.dumps(given["limits"])),
            session=SessionPlace(**given["session"]) if given.get("session") else None,
            interpreters=tuple(given.get("interpreters") or order.interpreters),
            package_rules=PackageRules(**_tuples(rules)) if rules else None,
            imports=ImportRules(**_tuples(imports)) if imports else None,
        )


def _tuples(given: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has lists only."""
    return {
        name: tuple(cast("list[str]", value)) if isinstance(value, list) else value
        for name, value in given.items()
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


@dataclass(frozen=True, slots=True)
class ProgressMade:
    """The interpreter or its packages are being prepared; `fraction` is 0 to 1."""

    step: str
    fraction: float


@dataclass(frozen=True, slots=True)
class OutputWritten:
    """The guest wrote to `stream` ("stdout" or "stderr")."""

    stream: str
    text: str


@dataclass(frozen=True, slots=True)
class Displayed:
    display: Display


@dataclass(frozen=True, slots=True)
class Ended:
    """The run's last event."""

    result: RunResult


RunEvent = ProgressMade | OutputWritten | Displayed | Ended
