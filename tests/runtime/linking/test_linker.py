"""Extension modules written by hand, in real guests."""

from __future__ import annotations

from pathlib import Path

import pytest
from package_sets import import_error, make_environment, run_over, value_over
from shared_libraries import extension, shared_library

from hermetic_runtime.compilation import Metering
from hermetic_runtime.environments import Environment

SITE_PACKAGES = "/lib/python3.14/site-packages"
TWICE = shared_library(
    """(module
      (func (export "twice") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))"""
)
USES_TWICE = extension(
    "probe",
    imports='(import "env" "twice" (func $twice (param i32) (result i32)))',
    answer="(call $twice (i32.const 21))",
    needed=["libtwice.so"],
)
LOAD = """
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
def load(name, path):
    loader = ExtensionFileLoader(name, path)
    module = module_from_spec(spec_from_file_location(name, path, loader=loader))
    loader.exec_module(module)
    return module
"""


def environment_of(directory: Path, **modules: bytes) -> Environment:
    return make_environment(directory, {f"{name}.so": binary for name, binary in modules.items()})


def test_an_extension_module_is_imported(tmp_path: Path) -> None:
    environment = environment_of(tmp_path, probe=extension("probe"))

    assert value_over(environment, "import probe; probe.answer") == 42


def test_an_extension_module_is_imported_where_code_is_metered(tmp_path: Path) -> None:
    environment = make_environment(tmp_path, {"probe.so": extension("probe")}, Metering.EPOCH)

    assert value_over(environment, "import probe; probe.answer") == 42


def test_functions_of_a_needed_library_are_found(tmp_path: Path) -> None:
    environment = make_environment(
        tmp_path, {"probe.so": USES_TWICE, "probe.libs/libtwice.so": TWICE}
    )

    assert value_over(environment, "import probe; probe.answer") == 42


def test_a_needed_library_is_found_by_the_runtime_path(tmp_path: Path) -> None:
    probe = extension(
        "probe",
        imports='(import "env" "twice" (func $twice (param i32) (result i32)))',
        answer="(call $twice (i32.const 4))",
        needed=["libtwice.so"],
        runtime_paths=["$ORIGIN/../lib"],
    )
    environment = make_environment(
        tmp_path, {"p/probe.so": probe, "p/__init__.py": b"", "lib/libtwice.so": TWICE}
    )

    assert value_over(environment, "from p import probe; probe.answer") == 8


def test_a_needed_library_that_no_package_brings_is_named(tmp_path: Path) -> None:
    environment = environment_of(tmp_path, probe=USES_TWICE)

    assert "needs the library libtwice.so" in import_error(environment, "import probe")


def test_a_missing_symbol_is_named(tmp_path: Path) -> None:
    probe = extension("probe", imports='(import "env" "no_such" (func))')
    environment = environment_of(tmp_path, probe=probe)

    assert "undefined symbol: no_such" in import_error(environment, "import probe")


def test_after_a_failure_others_can_be_imported(tmp_path: Path) -> None:
    broken = extension("broken", imports='(import "env" "PyLong_FromLong" (func))')
    environment = environment_of(tmp_path, broken=broken, probe=extension("probe"))

    failed, imported = run_over(environment, "import broken", "import probe; probe.answer")

    assert failed.error is not None
    assert "does not fit the interpreter" in failed.error.message
    assert imported.value is not None
    assert imported.value.json == 42


def test_a_weak_symbol_may_be_missing(tmp_path: Path) -> None:
    probe = extension(
        "probe",
        imports='(import "env" "no_such" (func)) (import "GOT.mem" "none" (global $n (mut i32)))',
        answer="(i32.add (i32.const 1) (global.get $n))",
        weak=["no_such", "none"],
    )

    assert value_over(environment_of(tmp_path, probe=probe), "import probe; probe.answer") == 1


def test_a_module_may_import_its_own_function(tmp_path: Path) -> None:
    probe = extension(
        "probe",
        imports='(import "env" "own" (func $own (param i32) (result i32)))',
        answer="(call $own (i32.const 3))",
        body="""(func (export "own") (param i32) (result i32)
          (i32.add (local.get 0) (i32.const 30)))""",
    )

    assert value_over(environment_of(tmp_path, probe=probe), "import probe; probe.answer") == 33


def test_pointers_to_one_function_are_equal(tmp_path: Path) -> None:
    """One that is in the module's own table, and the interpreter's own `malloc`."""
    probe = extension(
        "probe",
        imports="""
          (import "GOT.func" "own" (global $own (mut i32)))
          (import "GOT.func" "malloc" (global $malloc (mut i32)))
          (type $malloc_type (func (param i32) (result i32)))""",
        body="""(func $f (export "own")) (elem (global.get $slots) func $f)""",
        table=(1, 0),
        answer="""(i32.and (i32.eq (global.get $own) (global.get $slots))
          (i32.ne (call_indirect (type $malloc_type) (i32.const 8) (global.get $malloc))
            (i32.const 0)))""",
    )

    assert value_over(environment_of(tmp_path, probe=probe), "import probe; probe.answer") == 1


def test_start_function_relocations_and_constructors_run_in_this_order(tmp_path: Path) -> None:
    body = """
      (global $order (mut i32) (i32.const 0))
      (func $note (param i32) (global.set $order
        (i32.add (i32.mul (global.get $order) (i32.const 10)) (local.get 0))))
      (func $begin (call $note (i32.const 1)))
      (start $begin)
      (func (export "__wasm_apply_data_relocs") (call $note (i32.const 2)))
      (func (export "__wasm_call_ctors") (call $note (i32.const 3)))"""
    probe = extension("probe", body=body, answer="(global.get $order)")

    assert value_over(environment_of(tmp_path, probe=probe), "import probe; probe.answer") == 123


def test_a_module_imported_twice_by_other_paths_is_one(tmp_path: Path) -> None:
    body = '(global $n (mut i32) (i32.const 0)) (func (export "__wasm_call_ctors") '
    body += "(global.set $n (i32.add (global.get $n) (i32.const 1))))"
    environment = environment_of(
        tmp_path, probe=extension("probe", body=body, answer="(global.get $n)")
    )
    source = f"""{LOAD}
import os
os.symlink("{SITE_PACKAGES}/probe.so", "/tmp/other.so")
paths = "{SITE_PACKAGES}/probe.so", "/tmp/other.so", "/tmp/../{SITE_PACKAGES}/probe.so"
[load("probe", path).answer for path in paths]
"""

    assert value_over(environment, source) == [1, 1, 1]


def test_symbols_are_for_others_only_when_opened_so(tmp_path: Path) -> None:
    twice = extension(
        "first",
        body="""(func (export "twice") (param i32) (result i32)
          (i32.mul (local.get 0) (i32.const 2)))""",
    )
    second = extension(
        "second",
        imports='(import "env" "twice" (func $twice (param i32) (result i32)))',
        answer="(call $twice (i32.const 5))",
    )
    environment = environment_of(tmp_path, first=twice, second=second)
    for_everyone = "import os, sys; sys.setdlopenflags(os.RTLD_NOW | os.RTLD_GLOBAL)\n"

    assert "undefined symbol: twice" in import_error(environment, "import first, second")
    assert value_over(environment, for_everyone + "import first, second; second.answer") == 10


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/tmp/written.so", "only extension modules of the package set can be loaded"),
        (f"{SITE_PACKAGES}/data.txt", "only extension modules of the package set"),
        ("/tmp/%s%n%n.so", "/tmp/%s%n%n.so: there is no such file"),
        ("/tmp/" + "a/" * 3000, "ENAMETOOLONG"),
        (f"{SITE_PACKAGES}/garbage.so", "it can't be used here: not a WebAssembly module"),
        (f"{SITE_PACKAGES}/invalid.so", "it can't be used here: "),
    ],
)
def test_what_can_t_be_loaded_is_an_import_error_with_the_reason(
    tmp_path: Path, path: str, reason: str
) -> None:
    files = {
        "probe.so": extension("probe"),
        "garbage.so": b"\x7fELF",
        "invalid.so": extension("invalid", body="(func (result i32) (i64.const 1) drop)")[:-3],
        "data.txt": b"",
    }
    source = f"""{LOAD}
open("/tmp/written.so", "wb").write(open("{SITE_PACKAGES}/probe.so", "rb").read())
load("probe", {path!r})"""

    assert reason in import_error(make_environment(tmp_path, files), source)


def test_a_guest_without_packages_is_told_so(tmp_path: Path) -> None:
    environment = Environment(environment_of(tmp_path).interpreter)
    source = f'{LOAD}\nopen("/tmp/x.so", "wb").write(b"x")\nload("x", "/tmp/x.so")'

    assert "only extension modules of the package set" in import_error(environment, source)


def test_a_module_that_wants_more_memory_than_there_is_is_refused(tmp_path: Path) -> None:
    large = shared_library('(module (func (export "PyInit_large")))', memory=(2**30, 0))
    environment = environment_of(tmp_path, large=large)

    assert "no memory left" in import_error(environment, "import large")


def test_a_module_that_wants_more_slots_than_may_be_is_refused(tmp_path: Path) -> None:
    wide = shared_library('(module (func (export "PyInit_wide")))', table=(900_000, 0))
    environment = environment_of(tmp_path, wide=wide)

    assert "the function table is full" in import_error(environment, "import wide")


def test_a_trap_in_an_initialiser_ends_the_guest_alone(tmp_path: Path) -> None:
    probe = extension("probe", body='(func (export "__wasm_call_ctors") unreachable)')

    [report] = run_over(environment_of(tmp_path, probe=probe), "import probe")

    assert not report.alive
    assert report.error is not None
    assert report.error.type == "Trap"


def test_libraries_that_need_one_another_load_where_their_symbols_allow_it(
    tmp_path: Path,
) -> None:
    one = extension("one", needed=["two.so"])
    two = extension("two", needed=["one.so"], answer="(i32.const 2)")
    environment = environment_of(tmp_path, one=one, two=two)

    assert value_over(environment, "import one, two; [one.answer, two.answer]") == [42, 2]
