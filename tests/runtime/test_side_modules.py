"""Compiled extension modules in the cache: made once, checked, made again."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from shared_libraries import extension

from hermetic_runtime.cache import clear_cache, describe_cache
from hermetic_runtime.compilation import Metering
from hermetic_runtime.engine import create_engine
from hermetic_runtime.errors import LinkError, PreparationError
from hermetic_runtime.side_modules import (
    CompiledSideModule,
    compile_side_modules,
    load_side_module,
    side_module_directory,
)

NONE = Metering.NONE
PROBE = extension("probe")
PROBE_HASH = sha256(PROBE).hexdigest()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERMETIC_CACHE_DIR", str(tmp_path / "cache"))


def compile_probe(binary: bytes | Path = PROBE) -> list[tuple[float, str]]:
    """What was reported."""
    said: list[tuple[float, str]] = []
    compile_side_modules({PROBE_HASH: binary}, NONE, lambda *report: said.append(report))
    return said


def load_probe() -> CompiledSideModule:
    return load_side_module(create_engine(NONE), PROBE_HASH, NONE)


def test_what_was_compiled_is_loaded() -> None:
    assert compile_probe() == [(1.0, PROBE_HASH)]

    assert "PyInit_probe" in load_probe().description.functions


def test_a_binary_may_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "probe.so"
    path.write_bytes(PROBE)

    compile_probe(path)

    assert bytes(load_probe().contents).startswith(b"answer")


def test_nothing_is_compiled_twice() -> None:
    compile_probe()

    assert compile_probe() == []


def test_each_metering_has_code_of_its_own() -> None:
    compile_probe()

    with pytest.raises(PreparationError):
        load_side_module(create_engine(Metering.EPOCH), PROBE_HASH, Metering.EPOCH)


def test_a_module_that_can_t_be_used_is_remembered_with_the_reason() -> None:
    garbage = sha256(b"garbage").hexdigest()

    reasons = compile_side_modules({garbage: b"garbage", PROBE_HASH: PROBE}, NONE, lambda *_: None)

    assert reasons.keys() == {garbage}
    assert "not a WebAssembly module" in reasons[garbage]
    with pytest.raises(LinkError, match="not a WebAssembly module"):
        load_side_module(create_engine(NONE), garbage, NONE)


def test_a_binary_that_is_not_the_one_announced_is_refused() -> None:
    with pytest.raises(PreparationError, match="not the one announced"):
        compile_side_modules({PROBE_HASH: b"other"}, NONE, lambda *_: None)


@pytest.mark.parametrize("name", ["", "../x", "A" * 64, "0" * 63])
def test_what_is_no_hash_is_refused(name: str) -> None:
    with pytest.raises(PreparationError, match="is not a SHA-256"):
        side_module_directory(name, NONE)


@pytest.mark.parametrize("name", ["code.cwasm", "contents.bin", "description.json"])
def test_a_damaged_entry_is_noticed_and_made_again(name: str) -> None:
    compile_probe()
    path = side_module_directory(PROBE_HASH, NONE) / name
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(PreparationError, match="is damaged"):
        load_probe()

    compile_probe()

    load_probe()


def test_compiled_modules_are_part_of_the_cache() -> None:
    compile_probe()
    [entry] = describe_cache()

    assert clear_cache() == entry.size_bytes > 0
    assert describe_cache() == []
