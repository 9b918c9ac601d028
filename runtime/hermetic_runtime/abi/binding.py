"""How host functions are declared, and how their failures reach the guest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, wraps
from typing import Any, NamedTuple, TypeVar

from hermetic_runtime.kernel.errno import Failure
from hermetic_runtime.signatures import Signature

_ATTRIBUTE = "_host_function"
Method = TypeVar("Method", bound=Callable[..., Any])


class Declaration(NamedTuple):
    """The import that a method stands for."""

    module: str
    name: str
    signature: Signature


def provides(
    name: str, parameters: str, result: str = "", *, module: str = "env"
) -> Callable[[Method], Method]:
    """Mark a method as the host's side of an import; kinds as in `Signature`."""

    def declare(method: Method) -> Method:
        declared: list[Declaration] = getattr(method, _ATTRIBUTE, [])
        declaration = Declaration(module, name, Signature(parameters, result))
        setattr(method, _ATTRIBUTE, [*declared, declaration])
        return method

    return declare


def syscall(
    name: str, parameters: str
) -> Callable[[Callable[..., int | None]], Callable[..., int]]:
    """An Emscripten system call: a result at or above 0, or -errno."""

    def declare(method: Callable[..., int | None]) -> Callable[..., int]:
        @wraps(method)
        def call(self: object, *arguments: int) -> int:
            try:
                return method(self, *arguments) or 0
            except Failure as failure:
                return -failure.errno

        return provides(f"__syscall_{name}", parameters, "i")(call)

    return declare


def wasi(name: str, parameters: str) -> Callable[[Callable[..., None]], Callable[..., int]]:
    """A WASI preview1 function: 0, or +errno."""

    def declare(method: Callable[..., None]) -> Callable[..., int]:
        @wraps(method)
        def call(self: object, *arguments: int) -> int:
            try:
                method(self, *arguments)
            except Failure as failure:
                return int(failure.errno)
            return 0

        return provides(name, parameters, "i", module="wasi_snapshot_preview1")(call)

    return declare


@cache
def declarations(owner: type) -> tuple[tuple[str, Declaration], ...]:
    """(method name, declaration) for everything that `owner` provides."""
    return tuple(
        (attribute, declaration)
        for attribute in dir(owner)
        for declaration in getattr(getattr(owner, attribute), _ATTRIBUTE, ())
    )


def calls(owners: Sequence[object], names: tuple[tuple[str, str], ...]) -> list[Callable[..., Any]]:
    """What `owners` provide under `names`, in their order. Raises `KeyError`.

    It is called for each guest, of which most imports are never called.
    """
    places = _places(tuple(map(type, owners)), names)
    return [getattr(owners[position], attribute) for position, attribute in places]


@cache
def _places(
    owners: tuple[type, ...], names: tuple[tuple[str, str], ...]
) -> tuple[tuple[int, str], ...]:
    """The position of the owner, and the attribute, that each name stands for."""
    found = {
        (declaration.module, declaration.name): (position, attribute)
        for position, owner in enumerate(owners)
        for attribute, declaration in declarations(owner)
    }
    return tuple(found[name] for name in names)
