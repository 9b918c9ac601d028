"""The service against its own description."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx2
import pytest
from live_service import live_service
from service_calls import create_key, with_key

CONFIGURATION = """\
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "412", "422", "5xx"]
"""
"""A 422 has a check of its own, which looks at the reason. Which condition holds, 412, is more
than a schema can say.
"""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_service_is_as_its_description_says(prepared: None, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    authorization = with_key(create_key(data, "schemathesis", "--timeout", "5"))["Authorization"]
    with live_service(data) as service:
        arguments = (
            "--checks",
            "all",
            "--max-examples",
            "20",
            "--seed",
            "1",
            "--no-color",
        )
        done = subprocess.run(
            [Path(sys.executable).with_name("schemathesis"), "run", f"{service.url}/openapi.json",
             "-H", f"Authorization: {authorization}", *arguments],
            cwd=tmp_path, env=hooked(os.environ), timeout=1200,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        statuses = [line.get("status") for line in service.log]
    assert done.returncode == 0, done.stdout
    assert 500 not in statuses and 200 in statuses


def hooked(environment: Mapping[str, str]) -> dict[str, str]:
    """With the check that is here."""
    folder = str(Path(__file__).parent)
    return {**environment, "SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": folder}


def test_a_service_without_keys_does_not_ask_for_one(client: httpx2.Client) -> None:
    description = client.get("/openapi.json").json()
    assert (description["openapi"], description["security"]) == ("3.1.0", [])
