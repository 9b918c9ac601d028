"""`/v1/environments`: packages that are made ready ahead."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from conditions import comes_true


def built(client: httpx2.Client, **body: Any) -> dict[str, Any]:
    """The environment, once its build has ended."""
    response = client.post("/v1/environments", json=body)
    assert response.status_code == 202, response.text
    place = response.headers["location"]
    shown: dict[str, Any] = {}

    def has_ended() -> bool:
        shown.update(client.get(place).json())
        return shown["state"] not in ("waiting", "building")

    assert comes_true(has_ended)
    return shown


def test_an_environment_is_built_ahead(client: httpx2.Client) -> None:
    shown = built(client, requirements=["six==1.17.0"], interpreter="pyodide")
    assert (shown["state"], shown["packages"], shown["fraction"]) == ("ready", {"six": "1.17.0"}, 1)
    assert shown in client.get("/v1/environments").json()["environments"]


def test_the_same_environment_has_the_same_place(client: httpx2.Client) -> None:
    places = {client.post("/v1/environments", json={}).headers["location"] for _ in range(2)}
    assert len(places) == 1


def test_an_environment_that_can_not_be_had_says_why(client: httpx2.Client) -> None:
    shown = built(client, requirements=["six==0.0.1"], interpreter="pyodide")
    assert (shown["state"], shown["error"]["code"]) == ("failed", "install_error")


@pytest.mark.parametrize(
    ("requirement", "what"),
    [
        ("no requirement!", "is not a requirement"),
        ("six @ https://localhost/six.tar.gz", "would have to be built"),
    ],
)
def test_requirements_that_are_none_are_refused_at_once(
    client: httpx2.Client, requirement: str, what: str
) -> None:
    response = client.post("/v1/environments", json={"requirements": [requirement]})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_requirement")
    assert what in response.json()["detail"]


def test_an_environment_that_nobody_asked_for_is_not_there(client: httpx2.Client) -> None:
    response = client.get("/v1/environments/env_0")
    assert (response.status_code, response.json()["code"]) == (404, "unknown_environment")
