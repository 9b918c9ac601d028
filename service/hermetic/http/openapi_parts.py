"""Parts that the descriptions of operations are made of (OpenAPI 3.1)."""

from __future__ import annotations

from typing import Any

from hermetic.http.problems import PROBLEM_TYPE

REFERENCES = "#/components/schemas/{model}"
_PROBLEMS = {
    "400": "The request, or its body, is not what is asked for.",
    "401": "No key was given, or one that is not valid.",
    "403": "The key may not do this.",
    "404": "It is not there, or belongs to another key.",
    "408": "The body stopped coming.",
    "409": "It can't be done now: it is in use, or does not fit together.",
    "412": "A condition of the request does not hold.",
    "413": "The body is too large.",
    "415": "The body is not declared to be JSON.",
    "416": "The file has no such part.",
    "422": "The request is understood, but can't be run.",
    "429": "As many runs wait as may wait; `Retry-After` says when to try again.",
    "500": "The service failed.",
    "503": "The service is being stopped.",
}


def problems(*statuses: str) -> dict[str, Any]:
    """Responses of these statuses, each with a problem as its body."""
    content = {PROBLEM_TYPE: json_content("Problem")["application/json"]}
    return {status: {"description": _PROBLEMS[status], "content": content} for status in statuses}


def json_content(schema: str) -> dict[str, Any]:
    """A body in JSON, of a schema by its name."""
    return {"application/json": {"schema": {"$ref": REFERENCES.format(model=schema)}}}


def header(name: str, what: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    """A parameter that is sent as a header."""
    return {
        "name": name,
        "in": "header",
        "description": what,
        "schema": schema or {"type": "string"},
    }


def path_parameter(name: str, what: str) -> dict[str, Any]:
    """A parameter that is part of the path."""
    schema = {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "description": what, "schema": schema}


def idempotency_parameter() -> dict[str, Any]:
    return header(
        "Idempotency-Key",
        "Requests with the same key and body are executed once (visible ASCII, at most 255 "
        "characters).",
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    )


def post(
    operation: str,
    summary: str,
    description: str,
    body: str,
    answer: str,
    status: str = "200",
    *,
    needs_body: bool = True,
) -> dict[str, Any]:
    """A POST of a JSON body, which is answered with another."""
    created: dict[str, Any] = {"description": "It is done.", "content": json_content(answer)}
    if status != "200":
        created["headers"] = {"Location": {"schema": {"type": "string"}}}
    return {
        "operationId": operation,
        "summary": summary,
        "description": description,
        "parameters": [idempotency_parameter()],
        "requestBody": {"required": needs_body, "content": json_content(body)},
        "responses": {status: created}
        | problems("400", "401", "403", "404", "408", "409", "413", "415", "422", "500"),
    }


def get(operation: str, summary: str, answer: str, *errors: str) -> dict[str, Any]:
    """A GET that is answered with JSON."""
    return {
        "operationId": operation,
        "summary": summary,
        "responses": {"200": {"description": "Here it is.", "content": json_content(answer)}}
        | problems("401", "403", "500", *errors),
    }


def delete(operation: str, summary: str, *errors: str) -> dict[str, Any]:
    """An operation that removes something."""
    return {
        "operationId": operation,
        "summary": summary,
        "responses": {"204": {"description": "It is gone."}}
        | problems("401", "403", "404", "500", *errors),
    }
