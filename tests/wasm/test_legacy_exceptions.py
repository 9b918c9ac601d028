"""Translated modules do what the original ones did."""

from __future__ import annotations

import shutil

import pytest
import wasmtime
from engines import Outcome, assemble, run_in_node, run_in_wasmtime, wasmtime_engine
from legacy_modules import LEGACY_MODULES, LegacyModule
from random_modules import random_module

from hermetic_wasm.errors import MalformedModule
from hermetic_wasm.legacy_exceptions import translate

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not there")
each_module = pytest.mark.parametrize(
    "module", LEGACY_MODULES, ids=lambda module: module.name.replace(" ", "_")
)


@each_module
def test_a_translated_module_does_as_stated(module: LegacyModule) -> None:
    translated = translate(assemble(module.text))
    results = run_in_wasmtime(translated, list(module.results))
    assert results == list(module.results.values())


@pytest.fixture(scope="module")
def original_results() -> dict[str, list[Outcome]]:
    requests = [(assemble(m.text), list(m.results)) for m in LEGACY_MODULES]
    return dict(zip([m.name for m in LEGACY_MODULES], run_in_node(requests), strict=True))


@needs_node
@each_module
def test_the_original_module_does_as_stated(
    module: LegacyModule, original_results: dict[str, list[Outcome]]
) -> None:
    assert original_results[module.name] == list(module.results.values())


@needs_node
def test_random_modules_do_the_same_before_and_after() -> None:
    arguments = list(range(8))
    originals = [assemble(random_module(seed)) for seed in range(60)]
    before = run_in_node([(original, arguments) for original in originals])
    after = [run_in_wasmtime(translate(original), arguments) for original in originals]
    assert after == before


def test_random_modules_throw_catch_and_rethrow() -> None:
    texts = [random_module(seed) for seed in range(60)]
    for instruction in ("throw", "catch ", "catch_all", "rethrow", "delegate", "br_table"):
        assert sum(instruction in text for text in texts) > 30


def test_an_exception_crosses_the_frames_of_two_modules() -> None:
    thrower = """
      (module
        (import "cxx" "exception" (tag $exception (param i32 i64)))
        (func (export "call") (param i32)
          try
            local.get 0
            i64.const 7
            throw $exception
          catch_all
            rethrow 0
          end))
    """
    catcher = """
      (module
        (import "cxx" "exception" (tag $exception (param i32 i64)))
        (import "thrower" "call" (func $call (param i32)))
        (func (export "run") (param i32) (result i32)
          try (result i32)
            local.get 0
            call $call
            i32.const -1
          catch $exception
            i32.wrap_i64
            i32.mul
          end))
    """
    engine = wasmtime_engine()
    linker = wasmtime.Linker(engine)
    store = wasmtime.Store(engine)
    for name, text in (
        ("cxx", '(module (tag (export "exception") (param i32 i64)))'),
        ("thrower", thrower),
        ("catcher", catcher),
    ):
        module = wasmtime.Module(engine, translate(assemble(text)))
        instance = linker.instantiate(store, module)
        linker.define_instance(store, name, instance)
    run = linker.get(store, "catcher", "run")
    assert isinstance(run, wasmtime.Func)
    assert run(store, 6) == 42


def test_a_module_without_legacy_exceptions_stays_as_it_is() -> None:
    module = assemble("(module (func (result i32) i32.const 6))")
    assert translate(module) is module


def test_a_module_that_was_translated_stays_as_it_is() -> None:
    once = translate(assemble(LEGACY_MODULES[1].text))
    assert translate(once) is once


def test_custom_sections_are_kept() -> None:
    text = '(module (@custom "note" "hello") (func try catch_all end))'
    assert b"\x04notehello" in translate(assemble(text))


def test_a_try_with_parameters_is_refused() -> None:
    text = "(module (func i32.const 1 try (param i32) drop catch_all end))"
    with pytest.raises(MalformedModule, match="try with parameters"):
        translate(assemble(text))


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"\x06\x40", "unexpected end"),
        (b"\x06\x40\x0b", "unexpected end"),
        (b"\x06\x40\x0b\x0b\x01", "1 bytes too many"),
        (b"\x06\x40\x19\x19\x0b\x0b", "catch after catch_all"),
        (b"\x06\x40\x19\x18\x00\x0b", "delegate in a try that has handlers"),
        (b"\x06\x40\x18\x01\x0b", "label 1 names no block"),
        (b"\x06\x40\x0c\x02\x19\x0b\x0b", "label 2 names no block"),
        (b"\x06\x40\x09\x00\x19\x0b\x0b", "rethrow outside a handler"),
        (b"\x06\x40\x07\x05\x0b\x0b", "tag 5 is caught"),
        (b"\x06\x40\x05\x0b\x0b", "else outside an if"),
        (b"\x06\x05\x0b\x0b", "type 5 is used"),
        (b"\x06\x40\xfb\x00\x0b\x0b", "instruction 0xfb breaks off or is not supported"),
        (b"\x06\x40\x1f\x40\x00\x0b\x0b\x0b", "instruction 0x1f breaks off or is not supported"),
        (b"\x07\x00\x06\x0b", "catch outside a try"),
    ],
)
def test_a_body_that_is_not_well_formed_is_refused(body: bytes, problem: str) -> None:
    with pytest.raises(MalformedModule, match=problem):
        translate(_module_with_body(body))


def _module_with_body(instructions: bytes) -> bytes:
    body = b"\x00" + instructions
    code = bytes((1, len(body))) + body
    return b"\0asm\1\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a" + bytes((len(code),)) + code


def test_a_function_with_too_many_locals_is_refused() -> None:
    body = b"\x01\xff\xff\xff\xff\x0f\x7f\x06\x40\x19\x0b\x0b"
    code = bytes((1, len(body))) + body
    module = b"\0asm\1\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a" + bytes((len(code),)) + code
    with pytest.raises(MalformedModule, match="4294967295 locals"):
        translate(module)
