"""Code that wants to make its own session unusable: files, descriptors, the interpreter."""

from __future__ import annotations

import pytest

from hermetic_runtime.limits import Limits
from hermetic_runtime.reported import Outcome
from hermetic_runtime.sessions.session import Session


def value(session: Session, code: str) -> object:
    result = session.run(code)
    assert result.outcome is Outcome.OK, result
    assert result.value is not None
    return result.value.json


def told(session: Session) -> str:
    """What a run prints that needs a variable and all three streams."""
    result = session.run("import sys\nprint(x, input())\nsys.stderr.write('e')", stdin=b"line\n")
    assert (result.outcome, result.stderr.text) == (Outcome.OK, "e"), result
    return result.stdout.text


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


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("os.closerange(0, 100)", id="every descriptor closed"),
        pytest.param("sys.stdout.close()\nsys.stderr.detach()", id="streams closed"),
        pytest.param("del sys.stdin, sys.stdout, sys.stderr", id="streams removed"),
        pytest.param("builtins.open = None", id="a built-in function replaced"),
        pytest.param("os.environ = random = sys.modules['random'] = 7", id="modules replaced"),
    ],
)
def test_what_a_run_does_to_its_streams_and_modules_is_mended_for_the_next(
    code: str, session: Session
) -> None:
    session.run("import builtins, os, sys\nx = 42")

    assert not session.run(code).session_restored
    assert told(session) == "42 line\n"
    session.hibernate()
    assert told(session) == "42 line\n"


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("builtins.__dict__.clear()", id="built-in functions removed"),
        pytest.param("builtins.compile = None", id="the compiler replaced"),
        pytest.param(
            "def hook(*_): raise ValueError\nsys.addaudithook(hook)",
            id="an audit hook that refuses everything",
        ),
        pytest.param(
            "import hermetic_guest.agent as agent\nagent.run.__code__ = (lambda _: {}).__code__",
            id="an agent that answers something else",
        ),
        pytest.param(
            "import hermetic_guest.agent as agent\nagent.answer.__code__ = (lambda _: 7).__code__",
            id="an agent that answers nothing",
        ),
        pytest.param(
            "import hermetic_guest.agent as agent\n"
            "agent.answer.__code__ = (lambda _: agent.os._exit(0)).__code__\nagent.os = os",
            id="an agent that ends the interpreter",
        ),
    ],
)
def test_an_interpreter_that_was_made_useless_is_not_kept_but_the_one_before_it(
    code: str, session: Session
) -> None:
    session.run("import builtins, os, sys\nx = 42")

    harmful = session.run(f"x = 0\nprint('begun', flush=True)\n{code}")

    assert harmful.session_restored
    assert harmful.stdout.text == "begun\n"
    assert told(session) == "42 line\n"


def test_a_session_goes_on_with_a_folder_for_its_standard_input(session: Session) -> None:
    session.run("import os\nx = 42\nos.close(0)\nos.open('/tmp', 0)")

    assert value(session, "x") == 42


def test_a_run_that_ended_well_but_is_not_kept_is_an_error_that_says_so(session: Session) -> None:
    harmful = session.run("import builtins\nbuiltins.compile = None\n7")

    assert harmful.outcome is Outcome.ERROR
    assert harmful.error is not None
    assert harmful.error.type == "GuestMisbehaved"
    assert "unable to execute anything more" in harmful.error.message


def test_a_session_whose_next_run_would_never_end_is_stopped_at_its_limit(session: Session) -> None:
    session.run("x = 42")

    harmful = session.run(
        "import hermetic_guest.agent as agent\ndef endless(_):\n    while True: pass\n"
        "agent.run.__code__ = endless.__code__",
        limits=Limits(wall_seconds=0.5),
    )

    assert (harmful.outcome, harmful.session_restored) == (Outcome.TIMEOUT, True)
    assert told(session) == "42 line\n"


def test_the_first_run_of_a_session_may_make_its_interpreter_useless(session: Session) -> None:
    session.files.put("kept.txt", b"kept")

    assert session.run("import builtins\nbuiltins.__dict__.clear()").session_restored
    assert value(session, "open('kept.txt').read()") == "kept"
