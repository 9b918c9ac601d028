"""How the tests read what a service answers, and make keys for it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
from command_line import COMMAND
from conditions import comes_true


def events_of(response: httpx2.Response) -> Iterator[tuple[str, Any]]:
    """The server-sent events of a response, as they come."""
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def ended_run(client: httpx2.Client, place: str) -> dict[str, Any]:
    """A kept run, once it has ended."""
    kept: dict[str, Any] = {}

    def has_ended() -> bool:
        kept.update(client.get(place, headers={"Prefer": "wait=30"}).json())
        return kept["state"] not in ("waiting", "running")

    assert comes_true(has_ended)
    return kept


def key_command(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`hermetic key …` on the database in `data`."""
    return subprocess.run(
        [*COMMAND, "key", *arguments],
        env=os.environ | {"HERMETIC_DATA_DIRECTORY": str(data)},
        capture_output=True,
        text=True,
        check=True,
    )


def create_key(data: Path, name: str, *options: str) -> str:
    return key_command(data, "create", name, *options).stdout.strip()


def with_key(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
