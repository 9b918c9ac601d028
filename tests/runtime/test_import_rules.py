"""What guest code may import, in both interpreters and both isolation modes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sandbox_options import SandboxOptions

from hermetic_runtime.errors import InvalidInput
from hermetic_runtime.import_rules import ImportRules
from hermetic_runtime.reported import Outcome
from hermetic_runtime.results import RunResult
from hermetic_runtime.sandbox import Sandbox

NO_SOCKETS = ImportRules(deny=("socket", "json.decoder", "_*"))


@pytest.fixture
def sandbox(options: SandboxOptions) -> Iterator[Sandbox]:
    with Sandbox(**options) as sandbox:
        yield sandbox


def refused(result: RunResult) -> str:
    assert result.outcome is Outcome.ERROR
    assert result.error is not None
    assert result.error.type == "ImportError"
    return result.error.message


def test_an_import_that_is_denied_raises_and_says_why(sandbox: Sandbox) -> None:
    said = refused(sandbox.run("import socket", imports=NO_SOCKETS))
    assert said == "policy refuses the import of socket: it is denied by 'socket'"


@pytest.mark.parametrize(
    "code",
    [
        "import json.decoder",
        "from json import decoder",
        "from json.decoder import JSONDecoder",
        "import importlib; importlib.import_module('json.decoder')",
        "__import__('json.decoder')",
        "import _thread",
        "def later():\n    import json.decoder\nlater()",
        "exec('import json.decoder')",
    ],
)
def test_a_rule_holds_for_what_a_snapshot_has_imported_already(code: str) -> None:
    with Sandbox() as sandbox:
        assert "policy refuses" in refused(sandbox.run(code, imports=NO_SOCKETS))


def test_the_library_may_import_what_guest_code_may_not(sandbox: Sandbox) -> None:
    only = ImportRules(allow=("json", "datetime", "zipfile"))
    code = "import json, zipfile\nfrom datetime import datetime\n"
    code += "datetime.strptime('2026', '%Y').year"
    result = sandbox.run(code, imports=only)
    assert result.value is not None
    assert result.value.json == 2026
    assert "not one of those allowed" in refused(sandbox.run("import re", imports=only))


def test_an_allowed_package_stands_for_what_is_in_it() -> None:
    only = ImportRules(allow=("urllib.parse", "xml"))
    with Sandbox() as sandbox:
        code = "import urllib.parse, xml.dom.minidom\nfrom xml.etree import ElementTree"
        assert sandbox.run(code, imports=only).ok
        assert "urllib.request" in refused(sandbox.run("import urllib.request", imports=only))


def test_modules_of_the_workspace_need_to_be_allowed_as_others() -> None:
    files = {"mine/__init__.py": b"from . import part", "mine/part.py": b"import socket"}
    with Sandbox() as sandbox:
        result = sandbox.run("import mine", files=files, imports=NO_SOCKETS)
        assert "socket" in refused(result)


def test_the_rules_of_one_run_are_not_those_of_the_next(sandbox: Sandbox) -> None:
    refused(sandbox.run("import socket", imports=NO_SOCKETS))
    assert sandbox.run("import socket").ok
    refused(sandbox.run("import socket", imports=NO_SOCKETS))


def test_too_many_patterns_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"imports\.deny has 1,001 patterns"):
        ImportRules(deny=("x",) * 1001)
