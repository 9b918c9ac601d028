"""A selection of the hostile programs through the command line and the service.

`scripts/hostile` runs each of them so.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from doors import attempt_by_command, attempt_over_http
from hostile_program import HostileProgram
from live_service import live_service
from programs import GROUPS

from hermetic_runtime.preparation import prepare
from hermetic_runtime.preparation_wasi import prepare_wasi
from hermetic_runtime.providing import InterpreterName

_EVERY = 15
_ALWAYS = ("a list that is deep enough for the host",)
"""What a door once failed over."""
_INTERPRETERS: tuple[InterpreterName, ...] = ("pyodide", "wasi")


def selection(first: int) -> list[object]:
    programs = [program for group in GROUPS.values() for program in group]
    chosen = programs[first::_EVERY]
    chosen += [each for each in programs if each.name in _ALWAYS and each not in chosen]
    return [
        pytest.param(program, _INTERPRETERS[number % 2], id=program.name)
        for number, program in enumerate(chosen)
    ]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    prepare()
    prepare_wasi()
    data = tmp_path_factory.mktemp("hostile") / "data"
    with live_service(data, "--no-key", concurrency=2) as service, service.client() as client:
        yield client


@pytest.mark.parametrize(("program", "interpreter"), selection(0))
def test_the_command_line_prints_a_result_whatever_runs(
    program: HostileProgram, interpreter: InterpreterName
) -> None:
    assert attempt_by_command(program, interpreter).faults == ()


@pytest.mark.parametrize(("program", "interpreter"), selection(_EVERY // 2))
def test_the_service_answers_with_a_result_whatever_runs(
    program: HostileProgram, interpreter: InterpreterName, client: httpx2.Client
) -> None:
    assert attempt_over_http(program, interpreter, client).faults == ()
