"""What the cache keeps of environments, damaged or forged: resolutions, the descriptions, locks
and images of package sets, and the descriptions of compiled extension modules.

Whoever asks for the environment gets the packages that were asked for, made anew if need be, or
one error of ours; nothing outside of the cache is ever taken for a part of it.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from copy import deepcopy
from functools import cache
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from local_wheels import build_wheel
from shared_libraries import extension

from hermetic_runtime.bindings import Engine
from hermetic_runtime.cache import ENVIRONMENT_VARIABLE, describe_cache
from hermetic_runtime.compilation import Metering
from hermetic_runtime.engine import create_engine
from hermetic_runtime.errors import HermeticError, LinkError, PreparationError
from hermetic_runtime.eviction import needed_entries
from hermetic_runtime.packages.asking import package_request
from hermetic_runtime.packages.ensuring import ensure_package_set
from hermetic_runtime.packages.kept_sets import list_sets
from hermetic_runtime.packages.layout import DESCRIPTION, IMAGE, LOCK
from hermetic_runtime.packages.loaded import LoadedPackages
from hermetic_runtime.packages.package_set import PackageSet, sets_directory
from hermetic_runtime.packages.rules import PackageRules
from hermetic_runtime.packages.settings import PackageSettings
from hermetic_runtime.side_module_cache import DESCRIPTION as EXTENSION_DESCRIPTION
from hermetic_runtime.side_module_cache import side_module_directory
from hermetic_runtime.side_modules import compile_side_modules, load_side_module

_PROJECT = "hermetic_probe"
_FILES = {f"{_PROJECT}.py": b"value = 1\n", f"{_PROJECT}_data/table.csv": b"1,2\n"}
_ELSEWHERE = "elsewhere"
"""A package set that is sound, and not in the cache."""
_EXTENSION = extension("example", table=(2, 0))
_DIGEST = sha256(_EXTENSION).hexdigest()
_KINDS = ("resolution", DESCRIPTION, DESCRIPTION, LOCK, IMAGE, EXTENSION_DESCRIPTION)
_ODD: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 2**63, 10**400, 1.5, float("nan"), "", "x", "\0", "\ud800"),
    *("../..", "/", f"../../{_ELSEWHERE}", "0" * 64, "pyodide", "wasi", "six", "a" * 5000),
    *([], {}, [[]], [{}], {"": None}, {"a": 1}, [None], [1, "0" * 64], {"../../x": "0" * 64}),
)


class Damage(NamedTuple):
    """What becomes of the record of a kind: `data` in its place, nothing if that is None, or a
    folder if it is empty text.
    """

    kind: str
    data: bytes | None


class CachedSet:
    """A cache that holds one package set, as it was made, to be damaged and asked again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sound = folder / "sound"
        self._cache = folder / "cache"
        build_wheel(folder / "wheels", _PROJECT, files=_FILES)
        with self._asking():
            made = _ask()
            compile_side_modules({_DIGEST: _EXTENSION}, Metering.NONE, lambda *_: None)
            assert made.directory is not None
            self._name = made.directory.name
            shutil.copytree(made.directory, folder / _ELSEWHERE)
            shutil.copytree(self._cache, self._sound)

    @contextmanager
    def _asking(self) -> Generator[None]:
        """With the cache in its place, and no index but the folder of wheels."""
        given = {
            ENVIRONMENT_VARIABLE: str(self._cache),
            "UV_FIND_LINKS": str(self._folder / "wheels"),
            "UV_CACHE_DIR": str(self._folder / "uv"),
        }
        before = {name: os.environ.get(name) for name in given}
        os.environ.update(given)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def _records(self, kind: str, cache: Path) -> list[Path]:
        if kind == "resolution":
            return sorted((cache / "resolutions").glob("*.json"))
        if kind == EXTENSION_DESCRIPTION:
            return [side_module_directory(_DIGEST, Metering.NONE, cache) / kind]
        return [cache / "sets" / self._name / kind]

    def sound(self, kind: str) -> bytes:
        """A record as it was made."""
        return self._records(kind, self._sound)[0].read_bytes()

    def fault_of(self, damage: Damage) -> str | None:
        """What is wrong with how a damaged cache is taken, if anything is."""
        shutil.rmtree(self._cache, ignore_errors=True)
        shutil.copytree(self._sound, self._cache)
        for path in self._records(damage.kind, self._cache):
            path.unlink()
            if damage.data is not None:
                path.write_bytes(damage.data)
        try:
            with self._asking():
                fault = _fault_of_asking()
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"
        return f"{fault} with the {damage.kind} {str(damage.data)[:900]}" if fault else None


def _ask() -> PackageSet:
    settings = PackageSettings(offline=True, rules=PackageRules())
    found = ensure_package_set(package_request(requirements=[_PROJECT]), settings=settings)
    assert found is not None
    return found


def _fault_of_asking() -> str | None:
    list_sets()
    describe_cache()
    needed_entries()
    try:
        found = _ask()
        if found.directory is None or found.directory.parent != sets_directory():
            return f"{found.directory} was taken for a package set"
        if found.distributions != {_PROJECT.replace("_", "-"): "1.0"}:
            return f"other packages: {found.distributions}"
        files = dict(LoadedPackages.load(found.directory).image.files())
    except HermeticError as error:
        return None if error.message and "Traceback" not in error.message else f"{error.message!r}"
    if not _FILES.keys() <= files.keys():
        return f"other files: {sorted(files)}"
    with suppress(PreparationError, LinkError):
        load_side_module(_engine(), _DIGEST, Metering.NONE)
    compile_side_modules({_DIGEST: _EXTENSION}, Metering.NONE, lambda *_: None)
    return None


@cache
def _engine() -> Engine:
    return create_engine(Metering.NONE)


@contextmanager
def cached_set() -> Generator[CachedSet]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "wheels").mkdir()
        yield CachedSet(Path(folder))


def hostile_damage(choices: Random, cached: CachedSet) -> Damage:
    """Bytes that changed, or a record of the right form with something else in it."""
    kind = choices.choice(_KINDS)
    sound = cached.sound(kind)
    if choices.random() < 0.05:
        return Damage(kind, None)
    if kind == IMAGE or choices.random() < 0.3:
        return Damage(kind, _damaged(choices, sound))
    record = json.loads(sound)
    if choices.random() < 0.1:
        record = deepcopy(choices.choice(_ODD))
    for _ in range(choices.randrange(3)):
        _change(choices, record)
    return Damage(kind, json.dumps(record).encode())


def _change(choices: Random, record: Any) -> None:
    """Somewhere in it, at any depth."""
    while isinstance(record, dict | list) and record:
        keys: list[Any] = list(record) if isinstance(record, dict) else list(range(len(record)))  # pyright: ignore
        key = choices.choice(keys)
        inner: Any = record[key]
        if isinstance(inner, dict | list) and choices.random() < 0.6:
            record = inner
            continue
        if choices.random() < 0.2:
            del record[key]
        else:
            record[key] = deepcopy(choices.choice(_ODD))
        return


def _damaged(choices: Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(choices.randrange(1, 4)):
        at = choices.randrange(len(changed) + 1)
        sort = choices.randrange(4)
        if sort == 0:
            changed[at : at + 1] = choices.randbytes(1)
        elif sort == 1:
            del changed[at : at + choices.randrange(1, 40)]
        elif sort == 2:
            del changed[at:]
        else:
            changed[at:at] = choices.choice((choices.randbytes(9), b"[" * 100_000, b"9" * 5000))
    return bytes(changed)
