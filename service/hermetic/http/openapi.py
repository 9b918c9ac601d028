"""The description of the HTTP interface (OpenAPI 3.1), generated from the schemas."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

from pydantic import TypeAdapter

from hermetic.http.openapi_parts import (
    REFERENCES,
    header,
    idempotency_parameter,
    json_content,
    path_parameter,
    problems,
)
from hermetic.http.openapi_sessions import REQUESTS, RESPONSES, session_paths
from hermetic.http.schemas import KeptRunBody, Problem, RunBody
from hermetic_runtime.results import RunResult


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
                "parameters": [path_parameter("id", "The id of the run.")],
                "get": _show_run(),
                "delete": _remove_run(),
            },
            **session_paths(),
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
    schemas = [
        TypeAdapter[Any](kind).json_schema(ref_template=REFERENCES) for kind in (RunBody, *REQUESTS)
    ]
    schemas += [
        TypeAdapter[Any](kind).json_schema(ref_template=REFERENCES, mode="serialization")
        for kind in (KeptRunBody, Problem, RunResult, *RESPONSES)
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
            header(
                "Prefer",
                "`respond-async` for an answer before the run has ended; with `wait=SECONDS` "
                "(at most 60) only if it has not ended by then.",
            ),
            idempotency_parameter(),
        ],
        "requestBody": {"required": True, "content": json_content("RunBody")},
        "responses": {
            "200": {
                "description": "The run has ended; `outcome` says how.",
                "content": json_content("RunResult")
                | {"text/event-stream": {"schema": {"type": "string"}}},
            },
            "202": {
                "description": "The run was taken in.",
                "headers": {"Location": {"schema": {"type": "string"}}},
                "content": json_content("KeptRunBody"),
            },
        }
        | problems(
            "400", "401", "403", "404", "408", "409", "413", "415", "422", "429", "500", "503"
        ),
    }


def _show_run() -> dict[str, Any]:
    return {
        "operationId": "showRun",
        "summary": "Show a kept run",
        "parameters": [header("Prefer", "`wait=SECONDS` (at most 60) to wait for the end.")],
        "responses": {"200": {"description": "The run.", "content": json_content("KeptRunBody")}}
        | problems("401", "403", "404", "500"),
    }


def _remove_run() -> dict[str, Any]:
    return {
        "operationId": "removeRun",
        "summary": "Cancel a kept run, or forget one that has ended",
        "responses": {
            "200": {"description": "It was cancelled.", "content": json_content("KeptRunBody")},
            "204": {"description": "It had ended, and is forgotten."},
        }
        | problems("401", "403", "404", "500"),
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
