"""The description of the HTTP interface (OpenAPI 3.1), generated from the schemas."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

from pydantic import TypeAdapter

from hermetic.http.problems import PROBLEM_TYPE
from hermetic.http.schemas import KeptRunBody, Problem, RunBody
from hermetic_runtime.results import RunResult

_REFERENCES = "#/components/schemas/{model}"
_PROBLEMS = {
    "400": "The body is not what is asked for.",
    "401": "No key was given, or one that is not valid.",
    "403": "The key may not do this.",
    "404": "There is no such run.",
    "413": "The body is too large.",
    "415": "The body is not declared to be JSON.",
    "422": "The request is understood, but can't be run.",
    "429": "As many runs wait as may wait; `Retry-After` says when to try again.",
    "500": "The service failed.",
    "503": "The service is being stopped.",
}


@cache
def document(*, needs_key: bool) -> dict[str, Any]:
    """The whole document. It does not change while the service runs."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Hermetic",
            "version": version("hermetic"),
            "summary": "Runs untrusted Python in a sandbox.",
        },
        "security": [{"key": []}] if needs_key else [],
        "paths": {
            "/v1/run": {"post": _run()},
            "/v1/runs/{id}": {
                "parameters": [_path_parameter("id", "The id of the run.")],
                "get": _show_run(),
                "delete": _remove_run(),
            },
            "/healthz": {"get": _probe("Whether the service is alive", "200")},
            "/readyz": {"get": _probe("Whether the service takes runs", "200", "503")},
        },
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _schemas() -> dict[str, Any]:
    found: dict[str, Any] = {}
    schemas = [TypeAdapter[Any](RunBody).json_schema(ref_template=_REFERENCES)]
    schemas += [
        TypeAdapter[Any](kind).json_schema(ref_template=_REFERENCES, mode="serialization")
        for kind in (KeptRunBody, Problem, RunResult)
    ]
    for schema in schemas:
        found |= schema.pop("$defs", {})
        found[schema["title"]] = schema
    return dict(sorted(found.items()))


def _run() -> dict[str, Any]:
    return {
        "operationId": "run",
        "summary": "Run Python",
        "description": (
            "Executes the code in a new sandbox, which ends with it, and answers with the "
            "result. With `Accept: text/event-stream` the events `progress`, `stdout`, "
            "`stderr`, `display` and `result` (or `error`) are sent as they happen. With "
            "`Prefer: respond-async` the answer is 202 and a run to ask for. A request that "
            "is closed before its answer cancels its run, unless the run is kept: "
            "asynchronous runs, and those with an `Idempotency-Key`."
        ),
        "parameters": [
            _header("Prefer", "`respond-async` for an answer before the run has ended."),
            _header(
                "Idempotency-Key",
                "Requests with the same key and body are executed once (visible ASCII, at most "
                "255 characters).",
                {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
            ),
        ],
        "requestBody": {"required": True, "content": _json("RunBody")},
        "responses": {
            "200": {
                "description": "The run has ended; `outcome` says how.",
                "content": _json("RunResult")
                | {"text/event-stream": {"schema": {"type": "string"}}},
            },
            "202": {
                "description": "The run was taken in.",
                "headers": {"Location": {"schema": {"type": "string"}}},
                "content": _json("KeptRunBody"),
            },
        }
        | _problems("400", "401", "403", "413", "415", "422", "429", "500", "503"),
    }


def _show_run() -> dict[str, Any]:
    return {
        "operationId": "showRun",
        "summary": "Show a kept run",
        "parameters": [_header("Prefer", "`wait=SECONDS` (at most 60) to wait for the end.")],
        "responses": {"200": {"description": "The run.", "content": _json("KeptRunBody")}}
        | _problems("401", "403", "404", "500"),
    }


def _remove_run() -> dict[str, Any]:
    return {
        "operationId": "removeRun",
        "summary": "Cancel a kept run, or forget one that has ended",
        "responses": {
            "200": {"description": "It was cancelled.", "content": _json("KeptRunBody")},
            "204": {"description": "It had ended, and is forgotten."},
        }
        | _problems("401", "403", "404", "500"),
    }


def _probe(summary: str, *statuses: str) -> dict[str, Any]:
    text = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "operationId": summary.replace(" ", ""),
        "summary": summary,
        "security": [],
        "responses": {
            status: {"description": "Yes." if status == "200" else "No.", "content": text}
            for status in statuses
        },
    }


def _problems(*statuses: str) -> dict[str, Any]:
    content = {PROBLEM_TYPE: _json("Problem")["application/json"]}
    return {status: {"description": _PROBLEMS[status], "content": content} for status in statuses}


def _json(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REFERENCES.format(model=schema)}}}


def _header(name: str, what: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "description": what,
        "schema": schema or {"type": "string"},
    }


def _path_parameter(name: str, what: str) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "description": what, "schema": schema}
