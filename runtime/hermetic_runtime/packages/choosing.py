"""Choosing an interpreter that can have what a script needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from hermetic_runtime.errors import (
    HermeticError,
    ImageError,
    InstallError,
    InvalidInput,
    InvalidScript,
    PackageDenied,
    PreparationError,
)
from hermetic_runtime.packages.distribution import Distribution
from hermetic_runtime.packages.install_errors import (
    ClassifiedInstallError,
    FailureKind,
    near_names,
)
from hermetic_runtime.packages.lock import Lock
from hermetic_runtime.packages.requirements import normal_forms, python_specifier
from hermetic_runtime.packages.resolving import Resolver, describe_published
from hermetic_runtime.packages.rules import NATIVE_CODE
from hermetic_runtime.packages.settings import DISTRIBUTION_VARIABLE, PackageRequest
from hermetic_runtime.packages.targets import Target, pyodide_target, wasi_target

_HOPELESS = (FailureKind.CONFLICT, FailureKind.HASH, FailureKind.DISK)
"""What another interpreter would not mend. A lack of wheels is never called a conflict."""


_DISTRIBUTION = "pyodide with the Pyodide distribution"
_Attempt = tuple[str, Callable[[], Target], Callable[[Target], Lock]]


@dataclass(frozen=True, slots=True)
class Choice:
    """`reasons` says why this interpreter, and why not those that come before it.

    `built_in` are versions of what was asked for and is part of the interpreter.
    """

    target: Target
    lock: Lock
    built_in: dict[str, str]
    reasons: tuple[str, ...]


class Chooser:
    """`wasi_built_in` gives the versions of what the WASI interpreter has built in, by
    normalised name. It may have to fetch that interpreter, so it is called when needed.
    """

    def __init__(
        self,
        request: PackageRequest,
        requirements: Sequence[Requirement],
        resolver: Resolver,
        wasi_built_in: Callable[[], Mapping[str, str]] | None,
        distribution: Callable[[], Distribution] = Distribution.read,
    ) -> None:
        self._request = request
        self._requirements = requirements
        self._texts = normal_forms(requirements)
        self._names = {canonicalize_name(wanted.name) for wanted in requirements}
        self._resolver = resolver
        self._wasi_built_in = wasi_built_in
        self._read_distribution = distribution
        self._failures: list[tuple[str, HermeticError]] = []
        self._distribution: Distribution | None = None

    def choose(self) -> Choice:
        """The first interpreter that can have everything.

        Raises `InstallError` when none can, `InvalidScript` or `InvalidInput` when none has
        the Python that is required.
        """
        self._resolver.settings.check_interpreter(self._request.interpreter)
        unfit: list[str] = []
        for label, find_target, attempt in self._attempts():
            try:
                target = find_target()
                if not self._has_python(target):
                    unfit.append(f"{label} has {target.python}")
                    continue
                lock = attempt(target)
                self._check(lock)
            except (ImageError, InstallError, PreparationError) as error:
                self._failures.append((label, error))
                if self._is_final(error):
                    break
                continue
            names = sorted(self._names & target.built_in.keys())
            built_in: dict[str, str] = {name: target.built_in[name] for name in names}
            return Choice(target, lock, built_in, (*self._reasons(), self._why(label, built_in)))
        if not self._failures:
            raise self._python_refusal(unfit)
        raise self._failure(unfit)

    def _attempts(self) -> Iterator[_Attempt]:
        allowed = self._resolver.settings.interpreters
        asked = allowed if self._request.interpreter == "auto" else (self._request.interpreter,)
        built_in = self._wasi_built_in
        if "pyodide" in asked:
            yield "pyodide", pyodide_target, self._from_index
        if "wasi" in asked and built_in is not None:
            yield "wasi", lambda: wasi_target(built_in()), self._from_built_in
        if "pyodide" in asked and self._resolver.settings.distribution_url:
            yield _DISTRIBUTION, pyodide_target, self._from_distribution

    def _check(self, lock: Lock) -> None:
        """What is native for one interpreter may be built into another; a name stays refused."""
        if (rules := self._resolver.settings.rules) is not None:
            rules.check_names(wheel.name for wheel in lock.wheels)
            rules.check_files({wheel.name: wheel.file for wheel in lock.wheels})

    def _from_index(self, target: Target) -> Lock:
        if not self._texts:
            return Lock(())
        return self._resolver.resolve(self._texts, target)

    def _from_built_in(self, target: Target) -> Lock:
        if self._names <= target.built_in.keys():
            try:
                return self._resolver.resolve(self._texts, target, nothing_fetched=True)
            except ClassifiedInstallError as error:
                if error.kind in (FailureKind.CONFLICT, FailureKind.UNKNOWN_NAME):
                    raise self._says_what_is_built_in(target) or error from error
        return self._from_index(target)

    def _says_what_is_built_in(self, target: Target) -> InstallError | None:
        for wanted in self._requirements:
            version = target.built_in.get(canonicalize_name(wanted.name))
            if version is not None and not wanted.specifier.contains(version, prereleases=True):
                return ClassifiedInstallError(
                    FailureKind.CONFLICT,
                    f"{wanted.name} {version} is built in, which {wanted} does not allow",
                    name=wanted.name,
                )
        return None

    def _from_distribution(self, target: Target) -> Lock:
        url = self._resolver.settings.distribution_url
        assert url is not None
        distribution = self._known_distribution()
        try:
            lock = self._resolver.resolve(self._texts, target, index_only=distribution.index(url))
        except ClassifiedInstallError as error:
            file = distribution.served_at(url, error.message)
            if file is None:
                raise
            raise ClassifiedInstallError(
                error.kind,
                f"{file} is in the lock of the Pyodide distribution, but {url} does not serve it",
                hint=f"Set {DISTRIBUTION_VARIABLE} to a complete mirror.",
            ) from error
        distribution.check(lock)
        return lock

    def _known_distribution(self) -> Distribution:
        if self._distribution is None:
            self._distribution = self._read_distribution()
        return self._distribution

    def _is_final(self, error: HermeticError) -> bool:
        if isinstance(error, PackageDenied):
            return error.rule != NATIVE_CODE
        if not isinstance(error, ClassifiedInstallError):
            return False
        if error.kind == FailureKind.UNKNOWN_NAME:
            return error.name not in self._known_distribution().wheels
        return error.kind in _HOPELESS

    def _has_python(self, target: Target) -> bool:
        stated = self._request.requires_python
        return stated is None or python_specifier(stated).contains(
            Version(target.python), prereleases=True
        )

    def _python_refusal(self, unfit: Sequence[str]) -> InvalidInput:
        stated = self._request.requires_python
        if stated is None:
            return InvalidInput(f"the interpreter {self._request.interpreter} is not available")
        error = InvalidScript if stated.in_script else InvalidInput
        where = f"{stated.origin}: " if stated.origin else ""
        return error(
            f"{where}no interpreter has the Python that requires-python = {stated.text!r} asks "
            f"for: {', '.join(unfit)}"
        )

    def _why(self, label: str, built_in: Mapping[str, str]) -> str:
        if built_in:
            has = ", ".join(f"{name} {version}" for name, version in built_in.items())
            return f"{label}: has {has} built in, and wheels for the rest"
        if not self._texts:
            return f"{label}: nothing to install"
        return f"{label}: has wheels for everything that is needed"

    def _reasons(self) -> list[str]:
        return [f"not {label}: {self._explained(error)}" for label, error in self._failures]

    def _failure(self, unfit: Sequence[str]) -> InstallError:
        first = self._failures[0][1]
        for _, error in self._failures:
            if isinstance(error, PackageDenied):
                return error
        messages = {error.message for _, error in self._failures}
        kinds = {
            error.kind if isinstance(error, ClassifiedInstallError) else None
            for _, error in self._failures
        }
        if len(messages) == 1 and kinds & {FailureKind.UNKNOWN_NAME}:
            return self._misspelt(first)
        if len(self._failures) == 1 and not unfit:
            return _copy(first, self._explained(first))
        wanted = ", ".join(self._texts)
        lines = [f"{label}: {self._explained(error)}" for label, error in self._failures]
        lines += [f"requires-python: {reason}" for reason in unfit]
        message = "\n  ".join((f"no interpreter can have {wanted}", *lines))
        return _copy(self._failures[-1][1] if kinds == {FailureKind.NETWORK} else first, message)

    def _misspelt(self, error: HermeticError) -> InstallError:
        assert isinstance(error, ClassifiedInstallError)
        known = self._known_distribution().wheels.keys()
        near = near_names(error.name or "", known)
        hint = f"Is it {' or '.join(near)}?" if near else error.hint
        return ClassifiedInstallError(error.kind, error.message, name=error.name, hint=hint)

    def _explained(self, error: HermeticError) -> str:
        """With what there is instead, where no wheel fits."""
        if not isinstance(error, ClassifiedInstallError) or error.kind != FailureKind.NO_WHEEL:
            return error.message
        if error.name is None:
            return error.message
        published = self._resolver.published(error.name, pyodide_target())
        if published:
            return f"{error.message}: {describe_published(published)}"
        return f"{error.message}: it is published as source only, or not for any platform"


def _copy(error: HermeticError, message: str) -> InstallError:
    if isinstance(error, ClassifiedInstallError):
        return ClassifiedInstallError(error.kind, message, name=error.name, hint=error.hint)
    return InstallError(message, hint=error.hint)
