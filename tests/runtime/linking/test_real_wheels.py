"""Extension modules of wheels from the package index, in real guests."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest
import uv
from package_sets import make_environment, value_over, with_guest

from hermetic_runtime.environments import Environment, LoadedEnvironment, load_environment
from hermetic_runtime.snapshots.making import make_snapshot
from hermetic_runtime.snapshots.stored import load_snapshot

WHEELS = (
    "annotated-types==0.8.0",
    "bitarray==3.12.3",
    "contourpy==1.4.0",
    "msgpack==1.2.4",
    "pydantic==2.14.3",
    "pydantic-core==2.50.4",
    "typing-extensions==4.16.0",
    "typing-inspection==0.4.5",
)
PLATFORM = (
    "--only-binary=:all:",
    "--platform=pyemscripten_2026_0_wasm32",
    "--python-version=3.14",
    "--implementation=cp",
    "--abi=cp314",
)
CONTOURPY = """
import importlib.util, sys, types
sys.modules["contourpy"] = types.ModuleType("contourpy")
path = "/lib/python3.14/site-packages/contourpy/_contourpy.cpython-314-wasm32-emscripten.so"
spec = importlib.util.spec_from_file_location("contourpy._contourpy", path)
contourpy = importlib.util.module_from_spec(spec)
spec.loader.exec_module(contourpy)
"""
"""The extension module alone: the package itself imports numpy."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("wheels")
    pip = [uv.find_uv_bin(), "tool", "run", "pip", "download", "--quiet", "--no-deps"]
    subprocess.run([*pip, *PLATFORM, f"--dest={folder}", *WHEELS], check=True)
    files: dict[str, bytes] = {}
    for path in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(path) as wheel:
            files |= {item.filename: wheel.read(item) for item in wheel.infolist()}
    return make_environment(tmp_path_factory.mktemp("set"), files)


def test_pydantic_validates_and_explains(environment: Environment) -> None:
    source = """
from pydantic import BaseModel, ValidationError, field_validator
class Order(BaseModel):
    count: int
    tags: list[str]
    @field_validator("count")
    @classmethod
    def positive(cls, value):
        if value < 0:
            raise ValueError("below zero")
        return value
good = Order(count="3", tags=["a"])
try:
    Order(count=-1, tags="no")
except ValidationError as error:
    problems = [(problem["loc"][0], problem["type"], problem["msg"]) for problem in error.errors()]
[good.model_dump(), problems, Order.model_json_schema()["required"]]
"""

    assert value_over(environment, source) == [
        {"count": 3, "tags": ["a"]},
        [
            ["count", "value_error", "Value error, below zero"],
            ["tags", "list_type", "Input should be a valid list"],
        ],
        ["count", "tags"],
    ]


def test_msgpack_packs_and_refuses(environment: Environment) -> None:
    source = """
import msgpack
from msgpack import _cmsgpack
def failure(function, *arguments):
    try:
        function(*arguments)
    except Exception as error:
        return type(error).__name__
data = {"a": [1, 2.5, None, "é"], "b": {"c": [True]}}
[_cmsgpack.unpackb(_cmsgpack.Packer().pack(data)) == data,
 failure(msgpack.unpackb, b"\\xc1"), failure(msgpack.packb, object())]
"""

    assert value_over(environment, source) == [True, "FormatError", "TypeError"]


def test_a_type_of_the_c_api_slices_compares_and_shares_its_buffer(
    environment: Environment,
) -> None:
    source = """
from bitarray import bitarray
from bitarray.util import ba2int
bits = bitarray("11110000")
view = memoryview(bits)
view[0] = 0b10100000
view.release()
try:
    bitarray("2")
except ValueError as error:
    problem = str(error)
[bits.to01(), bits[::2].to01(), (bits & bitarray("10000000")).count(), ba2int(bits),
 sorted([bitarray("1"), bitarray("0")]) == [bitarray("0"), bitarray("1")], problem[:21]]
"""

    assert value_over(environment, source) == [
        "10100000",
        "1100",
        1,
        160,
        True,
        "expected '0' or '1' (",
    ]


def test_c_exceptions_are_thrown_and_caught(environment: Environment) -> None:
    """pybind11 turns Python errors into C++ exceptions and back: here the failed import of
    numpy inside a conversion, and a class that is defined twice.
    """
    source = f"""{CONTOURPY}
def failure(function, *arguments, **keywords):
    try:
        function(*arguments, **keywords)
    except Exception as error:
        return type(error).__name__
kinds = {{"line_type": contourpy.LineType.Separate, "fill_type": contourpy.FillType.OuterCode}}
again = importlib.util.module_from_spec(spec)
[contourpy.LineType.Separate.value,
 failure(contourpy.SerialContourGenerator, [0, 1], [0, 1], [[0, 1], [1, 2]], None,
         corner_mask=True, quad_as_tri=False, z_interp=contourpy.ZInterp.Linear, **kinds),
 failure(contourpy.LineType, "x")]
"""

    assert value_over(environment, source) == [101, "ModuleNotFoundError", "TypeError"]


def test_all_wheels_work_in_one_guest(environment: Environment) -> None:
    source = f"""{CONTOURPY}
import bitarray, msgpack, pydantic
[pydantic.TypeAdapter(list[int]).validate_json("[1, 2]"), msgpack.packb(1).hex(),
 bitarray.bitarray("10").to01(), int(contourpy.FillType.OuterCode.value)]
"""

    assert value_over(environment, source) == [[1, 2], "01", "10", 201]


def test_a_guest_starts_from_a_snapshot_with_the_wheels_imported(
    environment: Environment, tmp_path: Path
) -> None:
    assert make_snapshot(environment, ["pydantic.main", "msgpack", "bitarray"], tmp_path) == {}
    loaded = load_environment(environment)
    snapshot = load_snapshot(loaded.interpreter.engine, tmp_path)
    resumable = LoadedEnvironment(loaded.interpreter, loaded.packages, (snapshot,))
    source = """
import sys
before = "pydantic_core._pydantic_core" in sys.modules
import bitarray, msgpack, pydantic
class Point(pydantic.BaseModel):
    x: int
[before, Point(x="4").x, msgpack.unpackb(msgpack.packb([1])), bitarray.bitarray("01").to01()]
"""

    values = [with_guest(resumable, lambda _, run: run(source)).value for _ in range(2)]

    assert [value.json for value in values if value] == [[True, 4, [1], "01"]] * 2
