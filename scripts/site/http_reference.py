"""The calls of the service, from its OpenAPI document."""

from __future__ import annotations

import json
from typing import Any

from hermetic.http.openapi import document

INTRODUCTION = """\
# Calls over HTTP

Made from the OpenAPI document that the service gives at `/openapi.json`. [HTTP](../http.md) shows
how they are used.
"""
METHODS = ("get", "put", "post", "patch", "delete")


def http_reference() -> str:
    described = document(needs_key=True)
    parts = [INTRODUCTION]
    for path, place in described["paths"].items():
        parts += [call(path, method, place) for method in METHODS if method in place]
    parts.append("## Bodies\n")
    for name, schema in described["components"]["schemas"].items():
        parts.append(f"### {name}\n\n{schema.get('description', '')}\n\n{fields(schema)}")
    parts.append(f"## The document\n\n```json\n{json.dumps(described, indent=2)}\n```\n")
    return "\n".join(parts)


def call(path: str, method: str, place: dict[str, Any]) -> str:
    what = place[method]
    lines = [f"## {method.upper()} {path}\n", f"{what['summary']}.\n", what.get("description", "")]
    parameters = [*place.get("parameters", []), *what.get("parameters", [])]
    if parameters := [each for each in parameters if "name" in each]:
        lines.append("\n| parameter | in | |\n|---|---|---|")
        lines += [
            f"| `{each['name']}` | {each['in']} | {in_a_cell(each.get('description', ''))} |"
            for each in parameters
        ]
    for media, body in what.get("requestBody", {}).get("content", {}).items():
        lines.append(f"\nThe body is {kind(body['schema'])}, as `{media}`.")
    lines.append("\n| status | |\n|---|---|")
    for status, answer in what["responses"].items():
        said = in_a_cell(answer.get("description", "a problem"))
        kinds = [kind(body["schema"]) for body in answer.get("content", {}).values()]
        lines.append(f"| {status} | {said} {' or '.join(kinds)} |")
    return "\n".join(lines) + "\n"


def fields(schema: dict[str, Any]) -> str:
    if "properties" not in schema:
        return f"{kind(schema)}\n"
    required = schema.get("required", [])
    rows = [
        f"| `{name}`{' (required)' if name in required else ''} | {kind(each)} "
        f"| {in_a_cell(each.get('description', ''))} |"
        for name, each in schema["properties"].items()
    ]
    return "\n".join(["| field | type | |", "|---|---|---|", *rows]) + "\n"


def kind(schema: dict[str, Any]) -> str:
    """A type in words, those of our own as links."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if several := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(kind(each) for each in several)
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(each)}`" for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}))}"
    return str(schema.get("type", "any JSON value"))


def in_a_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
