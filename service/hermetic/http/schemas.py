"""The bodies of requests and responses. OpenAPI is generated from these."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictStr, field_validator
from pydantic.config import JsonDict

from hermetic.errors import Contradiction, MalformedBody
from hermetic.orders import RunOrder, SessionPlace
from hermetic_runtime.limits import RANGES, Limits
from hermetic_runtime.providing import InterpreterName
from hermetic_runtime.request_bounds import FILENAME_BYTES, MOST_WORDS
from hermetic_runtime.results import RunResult

MOST_REQUIREMENTS = 200
_BASE64_PATTERN = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
"""RFC 4648, section 4."""
_NO_NUL = "^[^\\u0000]*$"
_TEXT: JsonDict = {"type": "string", "pattern": _NO_NUL}
_WORDS: JsonDict = {"items": _TEXT, "maxItems": MOST_WORDS}
VARIABLES: JsonDict = {
    "propertyNames": {"pattern": "^[^=\\u0000]+$"},
    "additionalProperties": _TEXT,
    "maxProperties": MOST_WORDS,
}
"""What an environment can hold, beyond the types."""
REQUIREMENTS: JsonDict = {"items": {"type": "string", "pattern": "^\\s*[A-Za-z0-9]"}}
"""How each requirement begins (PEP 508)."""
_ASCII_OF_NO_NAME = "\\u0000-/:-@\\[-\\^`{-\\u007f"
_GLOBALS: JsonDict = {
    "propertyNames": {"pattern": f"^[^0-9{_ASCII_OF_NO_NAME}][^{_ASCII_OF_NO_NAME}]*$"}
}
"""Names as those of variables, as far as a pattern can say it."""


class Body(BaseModel):
    """The body of a request: nothing in it but what is named."""

    model_config = ConfigDict(extra="forbid")


class TextFile(Body):
    """A file that holds UTF-8 text."""

    text: StrictStr


class BinaryFile(Body):
    """A file that holds any bytes."""

    base64: StrictStr = Field(
        json_schema_extra={"contentEncoding": "base64", "pattern": _BASE64_PATTERN}
    )


class UploadedFile(Body):
    """A file that was uploaded before, by its id."""

    upload: StrictStr


def _limit(name: str, what: str) -> Any:
    low, high = RANGES[name]
    return Field(default=None, strict=True, ge=low, le=high, description=what)


class LimitsBody(Body):
    """Limits of this run, each at most that of the key. Those left out are the key's."""

    memory_bytes: int | None = _limit("memory_bytes", "Memory of the interpreter.")
    wall_seconds: float | None = _limit("wall_seconds", "Time on the clock.")
    cpu_seconds: float | None = _limit("cpu_seconds", "Processor time.")
    output_bytes: int | None = _limit("output_bytes", "stdout and stderr together.")
    disk_bytes: int | None = _limit("disk_bytes", "All files that the run writes.")
    files: int | None = _limit("files", "Files and folders that the run makes.")
    open_files: int | None = _limit("open_files", "Open descriptors.")
    value_bytes: int | None = _limit("value_bytes", "The value of the last expression.")
    display_bytes: int | None = _limit("display_bytes", "All displays together.")

    @field_validator("*", mode="before")
    @classmethod
    def _whole(cls, value: object) -> object:
        """In JSON 2.0 is as whole as 2."""
        return int(value) if isinstance(value, float) and value.is_integer() else value

    def chosen(self) -> dict[str, Any]:
        """Those that are given."""
        return self.model_dump(exclude_none=True)


class RunBody(Body):
    """One run: Python code, and what it is given."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"code": "print('hello')\n6 * n", "inputs": {"n": 7}}]},
    )

    code: StrictStr = Field(description="Python. The value of its last expression is returned.")
    filename: StrictStr = Field(
        "<code>",
        description="The name of the code in tracebacks, of at most 4,000 bytes.",
        json_schema_extra={"minLength": 1, "maxLength": FILENAME_BYTES, "pattern": _NO_NUL},
    )
    args: list[StrictStr] = Field(
        default_factory=list[str],
        description="What follows the filename in sys.argv.",
        json_schema_extra=_WORDS,
    )
    stdin: StrictStr = Field("", description="What the code reads from standard input.")
    env: dict[StrictStr, StrictStr] = Field(
        default_factory=dict[str, str],
        description="Environment variables of the code.",
        json_schema_extra=VARIABLES,
    )
    inputs: dict[StrictStr, Any] = Field(
        default_factory=dict[str, Any],
        description="JSON values that become global variables.",
        json_schema_extra=_GLOBALS,
    )
    files: dict[StrictStr, TextFile | BinaryFile | UploadedFile] = Field(
        default_factory=dict[str, TextFile | BinaryFile | UploadedFile],
        description="Files by their path below /workspace, the code's working directory.",
    )
    requirements: list[StrictStr] = Field(
        default_factory=list[str],
        max_length=MOST_REQUIREMENTS,
        description="Packages that the code needs (PEP 508), beside those that it names itself"
        " in a metadata block (PEP 723).",
        json_schema_extra=REQUIREMENTS,
    )
    interpreter: InterpreterName = Field(
        "auto", description="Which interpreter to take; `auto` is one that fits the packages."
    )
    session: StrictStr | None = Field(
        default=None,
        description="The id of a session to run in. It has packages, interpreter and `env` of"
        " its own.",
    )
    keep_files: bool = Field(
        default=False,
        strict=True,
        description="Keep the files that the code makes, for a run that is kept itself.",
    )
    limits: LimitsBody = Field(default_factory=lambda: LimitsBody())

    @property
    def needs_a_disk(self) -> bool:
        """Whether more than the body itself is needed to know what is to be run."""
        uploads = any(isinstance(file, UploadedFile) for file in self.files.values())
        return self.session is not None or self.keep_files or uploads

    def order(
        self, limits: Limits, place: SessionPlace | None, read_upload: Callable[[str], bytes]
    ) -> RunOrder:
        """Within `limits`, in the session at `place`, with files that were uploaded.

        Raises `Contradiction`, `MalformedBody`, and what `read_upload` raises.
        """
        if self.session is not None:
            self._check_for_session()
        return RunOrder(
            code=self.code,
            filename=self.filename,
            args=tuple(self.args),
            stdin=self.stdin.encode("utf-8", "surrogatepass"),
            env=self.env,
            inputs=self.inputs,
            files={path: _contents(path, file, read_upload) for path, file in self.files.items()},
            requirements=tuple(self.requirements),
            interpreter=self.interpreter,
            limits=limits,
            session=place,
            keep_files=self.keep_files,
        )

    def _check_for_session(self) -> None:
        for name, given in (
            ("requirements", bool(self.requirements)),
            ("env", bool(self.env)),
            ("interpreter", self.interpreter != "auto"),
            ("keep_files", self.keep_files),
        ):
            if given:
                raise Contradiction(
                    f"a run in a session can't have {name}",
                    hint="A session gets packages, interpreter and env when it is made, and"
                    " keeps its files itself.",
                )


def _contents(
    path: str,
    file: TextFile | BinaryFile | UploadedFile,
    read_upload: Callable[[str], bytes],
) -> bytes:
    if isinstance(file, TextFile):
        return file.text.encode("utf-8", "surrogatepass")
    if isinstance(file, UploadedFile):
        return read_upload(file.upload)
    try:
        return base64.b64decode(file.base64, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedBody(
            f"the file {path[:60]!r} is not base64", hint="Text can be given as it is, as `text`."
        ) from None


class Problem(BaseModel):
    """What went wrong (RFC 9457). `code` is stable."""

    type: str = Field(description="A URI reference that names the kind of problem.")
    title: str
    status: int
    detail: str
    code: str
    hint: str | None = None
    rule: str | None = Field(default=None, description="The rule of policy that decided.")
    approval: str | None = Field(default=None, description="The approval that the call waits for.")
    errors: list[PlaceOfProblem] | None = None


class PlaceOfProblem(BaseModel):
    """Where in the body something is wrong: a JSON pointer."""

    pointer: str
    detail: str


class KeptRunBody(BaseModel):
    """A run that outlives its request. Times in seconds since the epoch."""

    id: str
    state: Literal["waiting", "running", "ended", "failed"]
    created: float
    finished: float | None = None
    result: RunResult | None = Field(
        default=None, description="How it ended, once `state` is `ended`."
    )
    error: FailureBody | None = Field(
        default=None, description="Why it could not be executed, once `state` is `failed`."
    )


class FailureBody(BaseModel):
    code: str
    message: str
    hint: str | None = None
