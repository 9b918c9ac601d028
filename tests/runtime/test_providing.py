"""What is provided holds code that is executed, so each run looks who can write to it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from hermetic_runtime.cache import ENVIRONMENT_VARIABLE
from hermetic_runtime.compilation import Metering
from hermetic_runtime.errors import PreparationError
from hermetic_runtime.preparation import prepare, prepared_directory
from hermetic_runtime.providing import WantedEnvironment, provide, provide_at_once

PLAIN = WantedEnvironment()


@pytest.fixture
def interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an interpreter that was provided, in a cache of the test's own."""
    prepared = prepare(metering=Metering.NONE)
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "cache"))
    own = prepared_directory(Metering.NONE)
    shutil.copytree(prepared, own, copy_function=os.symlink)
    provide(PLAIN, b"1", Metering.NONE, lambda _: None)
    return own


def test_what_was_provided_is_provided_again_at_once(interpreter: Path) -> None:
    provided = provide_at_once(PLAIN, Metering.NONE)
    assert provided is not None and provided.environment.interpreter == interpreter


def test_it_is_not_provided_at_once_when_it_is_no_longer_there(interpreter: Path) -> None:
    shutil.rmtree(interpreter)
    assert provide_at_once(PLAIN, Metering.NONE) is None


@pytest.mark.parametrize("mode", [0o720, 0o702])
def test_it_is_refused_when_others_come_to_be_able_to_write_to_it(
    interpreter: Path, mode: int
) -> None:
    interpreter.chmod(mode)
    with pytest.raises(PreparationError, match="can be written to by others"):
        provide_at_once(PLAIN, Metering.NONE)
    with pytest.raises(PreparationError, match="can be written to by others"):
        provide(PLAIN, b"1", Metering.NONE, lambda _: None)
