from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from live_service import live_service
from service_calls import create_key, with_key

CONFIGURATION = """\
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "412", "422", "5xx"]
"""
"""Names that no variable can have, and the like, are more than a schema can say: 422. So is
which condition holds: 412.
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
            cwd=tmp_path, capture_output=True, text=True, timeout=1200, check=False,
        )  # fmt: skip
        statuses = [line.get("status") for line in service.log]
    assert done.returncode == 0, done.stdout
    assert 500 not in statuses and 200 in statuses


def test_a_service_without_keys_does_not_ask_for_one(client: httpx2.Client) -> None:
    description = client.get("/openapi.json").json()
    assert (description["openapi"], description["security"]) == ("3.1.0", [])
