"""The JSON Schema of policy files."""

from __future__ import annotations

import json

from hermetic.policy.document import PolicyDocument


def policy_schema() -> str:
    """As text, with a line break at its end; the same for the same version."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **PolicyDocument.model_json_schema(),
        "title": "Policy of Hermetic",
    }
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"
