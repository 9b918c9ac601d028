"""`/v1/environments`."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Literal

from pydantic import BaseModel, Field, StrictStr
from starlette.requests import Request
from starlette.responses import Response

from hermetic.environments import BuiltEnvironment
from hermetic.grants import Grant
from hermetic.http.bodies import parse
from hermetic.http.judging import judged
from hermetic.http.posting import posting
from hermetic.http.requests import caller, json_response, service_of
from hermetic.http.schemas import MOST_REQUIREMENTS, REQUIREMENTS, Body, FailureBody
from hermetic.policy.allowances import package_settings
from hermetic_runtime.providing import InterpreterName, WantedEnvironment


class NewEnvironmentBody(Body):
    """What is to be made ready before a run or a session needs it."""

    requirements: list[StrictStr] = Field(
        default_factory=list[str],
        max_length=MOST_REQUIREMENTS,
        description="Packages (PEP 508).",
        json_schema_extra=REQUIREMENTS,
    )
    interpreter: InterpreterName = Field("auto", description="Which interpreter to take.")
    code: StrictStr = Field("", description="Code whose imports are to be loaded ahead.")


class EnvironmentBody(BaseModel):
    """Of one that was asked for. `fraction` is how far it is, 0 to 1."""

    id: str
    interpreter: str
    requirements: list[str]
    created: float
    state: Literal["waiting", "building", "ready", "failed"]
    step: str
    fraction: float
    packages: dict[str, str] | None = Field(description="Versions by name, once it is ready.")
    notes: list[str]
    error: FailureBody | None


class EnvironmentListBody(BaseModel):
    """Those that the key asked for since the service was started."""

    environments: list[EnvironmentBody]


def _fields(built: BuiltEnvironment) -> dict[str, object]:
    return asdict(built)


@posting
async def build_environment(request: Request, grant: Grant, body: bytes) -> Response:
    """POST /v1/environments."""
    given = parse(NewEnvironmentBody, body, "an environment")
    environments = service_of(request).environments
    asked = given.model_dump(mode="json", exclude_unset=True)
    async with judged(request, grant, "environment_build", asked) as allowance:
        settings = allowance and package_settings(allowance)
        wanted = WantedEnvironment(given.interpreter, tuple(given.requirements), settings=settings)
        built = await asyncio.to_thread(environments.build, grant, wanted, given.code)
    return json_response(_fields(built), 202, {"Location": f"/v1/environments/{built.id}"})


async def list_environments(request: Request) -> Response:
    """GET /v1/environments."""
    grant = await caller(request)
    found = service_of(request).environments.list(grant)
    return json_response({"environments": [_fields(each) for each in found]})


async def show_environment(request: Request) -> Response:
    """GET /v1/environments/{id}."""
    grant = await caller(request)
    found = service_of(request).environments.find(grant, request.path_params["id"])
    return json_response(_fields(found))
