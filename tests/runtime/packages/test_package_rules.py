"""What policy says of packages, against a real uv and an index that the test fills."""

from __future__ import annotations

from dataclasses import replace

import pytest
from asking_for_packages import BUILT_IN, ensure
from local_index import LocalIndex

from hermetic_runtime.errors import InvalidInput, PackageDenied
from hermetic_runtime.packages.asking import package_request
from hermetic_runtime.packages.ensuring import ensure_package_set
from hermetic_runtime.packages.package_set import sets_directory
from hermetic_runtime.packages.rules import PackageRules
from hermetic_runtime.packages.script_metadata import read_script_metadata
from hermetic_runtime.packages.settings import PackageSettings

WASM = b"\0asm\x01\0\0\0"
NATIVE = "cp314-cp314-pyemscripten_2026_0_wasm32"


pytestmark = pytest.mark.usefixtures("cache")


def settings(**rules: object) -> PackageSettings:
    return PackageSettings(rules=PackageRules(**rules))  # type: ignore[arg-type]


def test_a_package_that_is_denied_is_refused_before_anybody_is_asked(index: LocalIndex) -> None:
    index.publish("tracker")
    with pytest.raises(PackageDenied, match="refuses the package tracker") as raised:
        ensure("tracker", settings=settings(deny=("track*",)))
    assert (raised.value.code, raised.value.rule) == ("denied", "packages.deny track*")
    assert index.requested == []


def test_only_packages_of_the_allowed_list_are_had(index: LocalIndex) -> None:
    index.publish("wanted")
    rules = settings(allow=("wanted", "other"))
    assert ensure("wanted", settings=rules).distributions == {"wanted": "1.0"}
    with pytest.raises(PackageDenied) as raised:
        ensure("wanted", "unheard-of", settings=rules)
    assert raised.value.hint == "These are allowed: wanted, other."


def test_what_another_package_needs_is_judged_before_it_is_downloaded(index: LocalIndex) -> None:
    index.publish("helper")
    index.publish("parent", requires=("helper",))
    with pytest.raises(PackageDenied, match="refuses the package helper"):
        ensure("parent", settings=settings(deny=("helper",)))
    assert not any(sets_directory().glob("*/set.json"))


def test_names_are_compared_as_the_index_does(index: LocalIndex) -> None:
    index.publish("some_thing")
    with pytest.raises(PackageDenied):
        ensure("Some.Thing", settings=settings(deny=("SOME_thing",)))


def test_what_is_remembered_is_judged_by_the_rules_of_this_call(index: LocalIndex) -> None:
    index.publish("wanted")
    open_to_all = settings()
    ensure("wanted", settings=open_to_all)
    index.close()
    assert ensure("wanted", settings=open_to_all).distributions
    with pytest.raises(PackageDenied):
        ensure("wanted", settings=settings(deny=("wanted",)))


def test_native_code_is_refused_by_the_name_of_the_wheel(index: LocalIndex) -> None:
    index.publish("quick", files={"quick.so": WASM}, tag=NATIVE)
    with pytest.raises(PackageDenied, match="holds native code") as raised:
        ensure("quick", settings=settings(native_code=False))
    assert raised.value.rule == "packages.native_code"
    assert not any(sets_directory().glob("*/set.json"))


def test_native_code_in_a_wheel_that_claims_to_be_pure_is_refused(index: LocalIndex) -> None:
    index.publish("sly", files={"sly.so": WASM})
    with pytest.raises(PackageDenied, match=r"sly\.so holds native code"):
        ensure("sly", settings=settings(native_code=False))


def test_without_native_code_an_interpreter_with_the_package_built_in_is_taken(
    index: LocalIndex,
) -> None:
    index.publish("six", "1.17.0", {"six.so": WASM}, tag=NATIVE)
    found = ensure(
        "six", interpreter="auto", built_in=BUILT_IN, settings=settings(native_code=False)
    )
    assert found.interpreter == "wasi"


def test_an_interpreter_that_is_not_allowed_is_refused(index: LocalIndex) -> None:
    index.publish("wanted")
    only_wasi = replace(settings(), interpreters=("wasi",))
    with pytest.raises(PackageDenied, match="refuses the interpreter pyodide"):
        ensure("wanted", interpreter="pyodide", settings=only_wasi)
    found = ensure("wanted", interpreter="auto", built_in=BUILT_IN, settings=only_wasi)
    assert found.interpreter == "wasi"


def test_a_script_may_name_an_index_of_the_list_and_no_other(index: LocalIndex) -> None:
    index.publish("wanted")
    script = (
        f'# /// script\n# dependencies = ["wanted"]\n# [tool.uv]\n# index-url = "{index.url}"\n'
        "# ///\n"
    )
    request = package_request(read_script_metadata(script.encode()), interpreter="pyodide")
    with pytest.raises(InvalidInput):
        ensure_package_set(request)
    assert ensure_package_set(request, settings=settings(indexes=(index.url,))) is not None
    with pytest.raises(PackageDenied, match="refuses the package index") as raised:
        ensure_package_set(request, settings=settings(indexes=("https://elsewhere.example/",)))
    assert raised.value.rule == "packages.indexes"


def test_packages_that_were_published_lately_do_not_exist() -> None:
    fifty_years = settings(exclude_newer_seconds=50 * 365 * 86_400.0)
    with pytest.raises(Exception, match="six"):
        ensure("six", settings=fifty_years)
    a_second = settings(exclude_newer_seconds=1.0)
    assert ensure("six", settings=a_second).distributions
