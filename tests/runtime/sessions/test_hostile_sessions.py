"""Code that wants to make its own session unusable: files, descriptors, the interpreter."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermetic_runtime.errors import SessionDamaged
from hermetic_runtime.results import Outcome
from hermetic_runtime.sessions.session import Session


def value(session: Session, code: str) -> object:
    result = session.run(code)
    assert result.outcome is Outcome.OK, result
    assert result.value is not None
    return result.value.json


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("os.rmdir('/tmp')", id="the folder for temporary files removed"),
        pytest.param("os.rename('/tmp', '/t')", id="the folder for temporary files renamed"),
        pytest.param("os.chmod('/tmp', 0)\nos.chmod('/', 0)", id="permissions taken away"),
        pytest.param(
            "os.mkdir('/tmp/d')\nopen('/tmp/d/f', 'w').close()\nos.chmod('/tmp/d', 0)",
            id="a folder that nobody may search",
        ),
        pytest.param(
            "try:\n    while True: kept.append(open('/dev/null'))\nexcept OSError: pass",
            id="every descriptor taken",
        ),
        pytest.param(
            "os.chdir('/workspace')\nfor _ in range(3000):\n    os.mkdir('d')\n    os.chdir('d')",
            id="a workspace without a bottom",
        ),
        pytest.param(
            "os.chdir('/tmp')\nfor _ in range(3000):\n    os.mkdir('d' * 200)\n"
            "    os.chdir('d' * 200)",
            id="temporary files without a bottom",
        ),
    ],
)
def test_a_session_goes_on_whatever_its_code_does_to_its_files(code: str, session: Session) -> None:
    session.run("import os\nx = 42\nkept = []")
    session.run(code)
    session.hibernate()

    assert value(session, "x") == 42
    assert not session.closed


def test_an_interpreter_that_was_made_useless_is_told_and_can_be_left_behind(
    session: Session, directory: Path
) -> None:
    session.files.put("kept.txt", b"kept")
    session.run("import builtins\nbuiltins.__dict__.clear()")
    session.hibernate()

    with pytest.raises(SessionDamaged) as raised:
        session.run("1")
    assert raised.value.hint is not None
    session.restart()
    assert value(session, "open('kept.txt').read()") == "kept"
