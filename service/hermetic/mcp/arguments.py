"""The arguments of the tools, as their schemas say."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictStr

from hermetic.errors import MalformedBody
from hermetic_runtime.providing import InterpreterName

DEFAULT_TIMEOUT_MS = 60_000
_LONGEST_TIMEOUT_MS = 86_400_000
_MOST_REQUIREMENTS = 200


class Base64File(BaseModel):
    """A file that holds any bytes."""

    model_config = ConfigDict(extra="forbid")
    base64: StrictStr = Field(json_schema_extra={"contentEncoding": "base64"})


Code = Annotated[StrictStr, Field(description="Python source.")]
Inputs = Annotated[
    dict[str, Any] | None,
    Field(description="JSON values that become global variables of the code, by name."),
]
Timeout = Annotated[
    int,
    Field(
        strict=True,
        ge=1,
        le=_LONGEST_TIMEOUT_MS,
        description="Milliseconds that the code may take; never more than the server allows.",
    ),
]
Files = Annotated[
    dict[str, StrictStr | Base64File] | None,
    Field(description="Files to write below /workspace, the working directory: path to text."),
]
Requirements = Annotated[
    list[StrictStr] | None,
    Field(
        max_length=_MOST_REQUIREMENTS,
        description="Packages that the code imports, as for pip: `pandas`, `numpy>=2`.",
    ),
]
Interpreter = Annotated[
    InterpreterName, Field(description="Leave it at `auto` unless packages need another one.")
]
SessionHandle = Annotated[StrictStr, Field(description="What `session_create` answered.")]
OptionalSession = Annotated[
    StrictStr | None,
    Field(
        description="A session, as `session_create` answered, whose variables and files the"
        " code goes on with. Without one nothing is left of earlier calls."
    ),
]
Path = Annotated[
    StrictStr, Field(description="Path of the file below /workspace, for instance `data/a.csv`.")
]
Contents = Annotated[
    StrictStr | Base64File, Field(description='Text, or `{"base64": …}` for any bytes.')
]


def contents_of(path: str, file: str | Base64File) -> bytes:
    """Raises `MalformedBody`."""
    if isinstance(file, str):
        return file.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(file.base64, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedBody(
            f"the file {path[:60]!r} is not base64", hint="Text can be given as it is."
        ) from None
