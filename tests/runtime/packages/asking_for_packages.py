"""Asking for packages, in few words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from hermetic_runtime.errors import InstallError
from hermetic_runtime.kernel.image import ImageFilesystem
from hermetic_runtime.packages.asking import package_request
from hermetic_runtime.packages.ensuring import ensure_package_set
from hermetic_runtime.packages.layout import IMAGE
from hermetic_runtime.packages.package_set import PackageSet
from hermetic_runtime.packages.settings import PackageSettings

BUILT_IN = {"numpy": "2.5.2", "six": "1.17.0", "pandas": "3.0.6"}
"""As if they were part of the WASI interpreter."""


def ensure(
    *requirements: str,
    interpreter: str = "pyodide",
    settings: PackageSettings | None = None,
    built_in: Mapping[str, str] | None = None,
) -> PackageSet:
    request = package_request(requirements=requirements, interpreter=interpreter, origin="--with")
    found = ensure_package_set(
        request,
        settings=settings,
        wasi_built_in=None if built_in is None else lambda: built_in,
    )
    assert found is not None
    return found


def files_of(packages: PackageSet) -> dict[str, bytes]:
    assert packages.directory is not None
    return dict(ImageFilesystem.load(packages.directory / IMAGE).files())


@contextmanager
def install_error(match: str) -> Iterator[list[InstallError]]:
    """Collects the error that must come: of one kind, without a traceback or control codes."""
    found: list[InstallError] = []
    with pytest.raises(InstallError, match=match) as raised:
        yield found
    found.append(raised.value)
    assert raised.value.code == "install_error"
    assert "Traceback" not in raised.value.message
    assert "\x1b" not in raised.value.message
