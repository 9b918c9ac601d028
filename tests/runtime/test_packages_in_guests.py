"""Scripts that say what they need, and the packages that their guests then have."""

from __future__ import annotations

from pathlib import Path

import pytest
from hostile_wheels import leaving_marks
from local_index import LocalIndex
from sandbox_options import SandboxOptions

from hermetic_runtime.errors import InvalidScript, SandboxClosed
from hermetic_runtime.limits import GIB, MIB, Limits
from hermetic_runtime.providing import InterpreterName
from hermetic_runtime.reported import Outcome
from hermetic_runtime.results import RunResult
from hermetic_runtime.sandbox import Sandbox, run


def script(code: str, *dependencies: str, more: str = "") -> str:
    """`code` with a metadata block; `more` are further lines of it."""
    lines = [f"dependencies = {list(dependencies)}", *more.splitlines()]
    return "\n".join(["# /// script", *(f"# {line}" for line in lines), "# ///", code])


def value_of(result: RunResult) -> object:
    assert result.outcome is Outcome.OK, result.error
    assert result.value is not None
    return result.value.json


def test_pydantic_validates_and_says_what_is_wrong() -> None:
    code = """
from pydantic import BaseModel, ValidationError
class Order(BaseModel):
    number: int
    prices: list[float]
try:
    Order(number="x", prices=["1"])
except ValidationError as error:
    wrong = [[*item["loc"], item["type"]] for item in error.errors()]
[Order(number="3", prices=["1.5"]).model_dump(), wrong]
"""
    result = run(script(code, "pydantic>=2"))

    assert value_of(result) == [
        {"number": 3, "prices": [1.5]},
        [["number", "int_parsing"]],
    ]
    assert result.interpreter.startswith("pyodide-")


def test_several_packages_with_native_code_work_together() -> None:
    code = """
import bitarray, msgpack
bits = bitarray.bitarray("1101")
[msgpack.unpackb(msgpack.packb({"bits": bits.to01()})), bits.count()]
"""
    assert value_of(run(script(code, "msgpack", "bitarray"))) == [{"bits": "1101"}, 3]


def test_native_code_works_in_every_isolation_and_metering() -> None:
    code = script("import msgpack\nmsgpack.packb([1, 2]).hex()", "msgpack")

    results = [
        run(code, isolation="process"),
        run(code, isolation="shared"),
        run(code, limits=Limits(fuel=10**12)),
    ]

    assert [value_of(result) for result in results] == ["920102"] * 3


def test_what_only_wasi_has_is_run_there() -> None:
    code = """
import numpy as np, pandas as pd
frame = pd.DataFrame({"key": ["a", "b", "a"], "value": np.arange(3)})
frame.groupby("key").value.sum().to_dict()
"""
    result = run(script(code, "numpy", "pandas"))

    assert value_of(result) == {"a": 2, "b": 1}
    assert result.interpreter.startswith("wasi-")


@pytest.mark.parametrize("interpreter", ["pyodide", "wasi"])
def test_pure_python_runs_where_the_script_says(interpreter: str) -> None:
    code = script(
        "import inflection, sys\n[inflection.pluralize('octopus'), sys.version_info[1]]",
        "inflection",
        more=f'[tool.hermetic]\ninterpreter = "{interpreter}"',
    )

    assert value_of(run(code)) == ["octopi", {"pyodide": 14, "wasi": 15}[interpreter]]


def test_the_callers_interpreter_comes_before_the_scripts() -> None:
    code = script("1", "inflection", more='[tool.hermetic]\ninterpreter = "wasi"')

    assert run(code, interpreter="pyodide").interpreter.startswith("pyodide-")


def test_pure_python_comes_beside_what_is_built_in() -> None:
    code = "import inflection, yaml\n[inflection.camelize('a_b'), yaml.safe_load('[1]')]"

    result = run(code, requirements=["inflection", "pyyaml"], interpreter="wasi")

    assert value_of(result) == ["AB", [1]]


def test_requirements_of_the_caller_and_of_the_script_add_up(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("iniconfig  # from a file\n")
    code = script("import inflection, iniconfig, six\nsix.PY3", "six")

    result = run(
        code, requirements=["inflection"], requirements_files=[tmp_path / "requirements.txt"]
    )

    assert value_of(result) is True


def test_a_sandbox_keeps_its_packages_from_run_to_run(options: SandboxOptions) -> None:
    with Sandbox(requirements=["inflection"], **options) as sandbox:
        sandbox.run("import inflection")

        assert value_of(sandbox.run("inflection.underscore('CamelCase')")) == "camel_case"


def test_packages_can_be_read_and_not_written(options: SandboxOptions) -> None:
    code = """
import inflection
source = open(inflection.__file__).read()
try:
    open(inflection.__file__, "w")
except OSError as error:
    refused = error.strerror
["def pluralize" in source, refused]
"""
    result = run(code, requirements=["inflection"], **options)

    assert value_of(result) == [True, "Read-only file system"]


def test_what_was_not_asked_for_is_not_there(interpreter: InterpreterName) -> None:
    run("1", requirements=["inflection"], interpreter=interpreter)

    result = run("import inflection", interpreter=interpreter)

    assert result.error is not None
    assert result.error.type == "ModuleNotFoundError"


def test_packages_that_can_not_be_had_are_an_outcome(options: SandboxOptions) -> None:
    result = run("1", requirements=["reqeusts"], **options)

    assert (result.outcome, result.exit_code) == (Outcome.INSTALL_ERROR, 1)
    assert result.error is not None
    assert (result.error.type, result.error.traceback) == ("InstallError", "")
    assert result.error.message == "no package is named reqeusts"
    assert result.error.hint == "Is it requests?"


def test_a_sandbox_without_its_packages_is_closed() -> None:
    with Sandbox(requirements=["reqeusts"]) as sandbox:
        assert sandbox.run("1").outcome is Outcome.INSTALL_ERROR

        with pytest.raises(SandboxClosed, match="packages could not be installed"):
            sandbox.run("1")


def test_a_block_that_is_wrong_is_said_before_anything_runs() -> None:
    with pytest.raises(InvalidScript, match="line 2: "):
        run(script("print(1)", more="").replace("[]", "[", 1))


@pytest.mark.parametrize(
    ("limits", "asked", "code", "outcome"),
    [
        ({"wall_seconds": 1}, 3600, "while True: pass", Outcome.TIMEOUT),
        ({"cpu_seconds": 1}, 3600, "while True: pass", Outcome.TIMEOUT),
        ({"memory_bytes": 64 * MIB}, 4 * GIB, "bytearray(10**9)", Outcome.MEMORY),
        ({"output_bytes": 10**4}, GIB, "print('x' * 10**5)", Outcome.OUTPUT),
        ({"disk_bytes": 10**5}, GIB, "open('a', 'wb').write(bytes(10**6))", Outcome.DISK),
    ],
)
def test_a_script_can_not_widen_its_limits(
    limits: dict[str, int], asked: int, code: str, outcome: Outcome, interpreter: InterpreterName
) -> None:
    [limit] = limits
    source = script(code, "inflection", more=f"[tool.hermetic.limits]\n{limit} = {asked}")

    result = run(source, limits=Limits(**limits), interpreter=interpreter)

    assert result.outcome is outcome


def test_a_script_can_narrow_its_limits(interpreter: InterpreterName) -> None:
    more = "[tool.hermetic.limits]\nwall_seconds = 0.3"

    result = run(script("while True: pass", more=more), interpreter=interpreter)

    assert result.outcome is Outcome.TIMEOUT


def test_nothing_of_a_package_runs_in_a_guest_that_does_not_import_it(
    index: LocalIndex, tmp_path: Path, interpreter: InterpreterName
) -> None:
    mark = tmp_path / "mark"
    index.publish("hermetic_probe", files=leaving_marks(mark))
    code = """
import os, sys
[sorted(os.listdir("/workspace")), "sitecustomize" in sys.modules, "probe" in os.environ]
"""
    result = run(code, requirements=["hermetic_probe"], interpreter=interpreter)

    assert value_of(result) == [[], False, False]
    assert not mark.exists()


def test_an_import_runs_a_package_in_the_guest_only(
    index: LocalIndex, tmp_path: Path, interpreter: InterpreterName
) -> None:
    mark = tmp_path / "mark"
    index.publish("hermetic_probe", files=leaving_marks(mark))

    result = run(
        "import hermetic_probe, os\nos.listdir('/workspace')",
        requirements=["hermetic_probe"],
        interpreter=interpreter,
    )

    assert value_of(result) == ["mark"]
    assert not mark.exists()
