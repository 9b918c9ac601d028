"""Files and headers as they come back damaged, or from somebody hostile: policies, states of
sessions, manifests, snapshots, and the headers of requests for files.
"""

from __future__ import annotations

import json
import mmap
import os
import tempfile
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib.resources import files
from itertools import chain
from pathlib import Path
from random import Random
from struct import pack
from typing import Any, NamedTuple, cast

import msgpack
import xxhash
import zstandard

from hermetic.errors import PolicyError
from hermetic.http.file_responses import asked_range
from hermetic.http.problems import RangeNotSatisfiable
from hermetic.policy.loading import parse_policy
from hermetic_runtime.bindings import Config, Engine, Module
from hermetic_runtime.errors import PreparationError, SessionDamaged
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.preparation import verify_and_repair
from hermetic_runtime.prepared import MANIFEST, is_complete
from hermetic_runtime.sessions.page_pieces import Piece, PlacedPiece, Run, pack_pieces
from hermetic_runtime.sessions.pages import PAGE_BYTES
from hermetic_runtime.sessions.state_file import MAGIC
from hermetic_runtime.sessions.state_reader import StateReader
from hermetic_runtime.snapshots.stored import MEMORY, STATE, load_snapshot

_LIMITS = Limits(memory_bytes=64 * MIB, disk_bytes=1 * MIB, files=50)
_TOKENS = (
    *(
        b"version: '1'\n",
        b"default: deny\n",
        b"tools:\n",
        b"  python_execute:\n",
        b"- ",
        b"? ",
        b": ",
    ),
    *(
        b"rules:\n",
        b"&a ",
        b"*a",
        b"<<: *a\n",
        b"!!python/object:os.system ",
        b"{",
        b"}",
        b"[",
        b"]",
    ),
    *(b"regex", b"(a+)+$", b"1e999", b"9" * 5000, b"\x00", b"\xff", b"\t", b"---\n", b"%YAML 9\n"),
    *(b"grants:\n", b"~", b"null", b'"\\ud800"', b"[" * 2000, b"{a: " * 500, b"0x_", b"=", b"<<"),
)
_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**63, 1.5, "", "x", "../../x", "\0", [], {}, [[]], {"": {}}, [1, "a"]),
    *({"image": [0, ""]}, {"files": {"../../etc/passwd": [1, "0" * 64]}}, {"files": []}),
)
_STATE = {
    "base": "0" * 64,
    "memory_bytes": 1 * MIB,
    "instance": {"globals": {"g": 1}},
    "files": [[b"/workspace/a", 0o100644, b"contents", 1], [b"/workspace/b", 0o120777, b"a", 1]],
    "descriptors": [
        [["stdin", 0, 0, b"", 0, [[0, False]]], ["pipe_reader", 0, 0, b"", 0, [[3, True]]]],
        [[b"data", True, True]],
        [],
    ],
    "cwd": b"/workspace",
    "umask": 18,
    "monotonic_ns": 1,
    "cpu_ns": 1,
}
_RUNS = [Run(3, 2), Run(9, 1)]
_RANGES = (
    "bytes=",
    "bytes=-",
    "0-0",
    "5-",
    "-5",
    "-0",
    "9" * 25,
    ",",
    "1-2,4-5",
    " ",
    "=",
    "٣-٤",
    "x",
)


class Record(NamedTuple):
    """What is read, and by which of `_READERS`."""

    sort: str
    data: bytes


def hostile_record(choices: Random) -> Record:
    """Something that is read in one place of the software or another, mostly damaged."""
    sort = choices.choice(list(_READERS))
    if sort == "policy":
        pieces = [choices.choice(_TOKENS) for _ in range(choices.randrange(1, 12))]
        whole = choices.choice((b"", b"", _sound()["policy"])) + b"".join(pieces)
        return Record(sort, _damaged(choices, whole) if choices.random() < 0.5 else whole)
    if sort == "range":
        pieces = [choices.choice(_RANGES) for _ in range(choices.randrange(1, 4))]
        return Record(sort, ("bytes=" * choices.randrange(2) + "".join(pieces)).encode())
    if sort == "manifest" and choices.random() < 0.5:
        given = json.loads(_sound()[sort])
        given[choices.choice([*given, "added"])] = choices.choice(_VALUES)
        return Record(sort, json.dumps(choices.choice((given, given, *_VALUES))).encode())
    if sort == "snapshot" and choices.random() < 0.5:
        given = msgpack.unpackb(_sound()[sort])
        given[choices.choice([*given, "added"])] = choices.choice([*_VALUES[:4], "x", [], {}])
        return Record(sort, _packed(given))
    if sort == "state":
        packed = _packed(_STATE)
        if choices.random() < 0.7:
            packed = _damaged(choices, packed)
        runs, pages = _RUNS, _compressed(bytes(3 * PAGE_BYTES))
        if choices.random() < 0.5:
            runs, pages = [Run(7, 64)], bytes(64 * PAGE_BYTES)
        piece = Piece(len(pages), xxhash.xxh3_64_intdigest(pages), runs)
        pages = bytes(PlacedPiece.after(len(MAGIC), piece).position - len(MAGIC)) + pages
        pieces = pack_pieces([piece])
        if choices.random() < 0.5:
            pieces = _damaged(choices, pieces)
        account = _compressed(len(packed).to_bytes(4, "little") + packed + pieces)
        before = MAGIC + (pages if choices.random() < 0.8 else _damaged(choices, pages))
        sealed = before + account + pack("<Q", len(before))
        return Record(sort, sealed if choices.random() < 0.8 else _damaged(choices, sealed))
    return Record(sort, _damaged(choices, _sound()[sort]))


def _packed(value: object) -> bytes:
    return cast("bytes", msgpack.packb(value))


def _compressed(contents: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(contents)


@cache
def _sound() -> dict[str, bytes]:
    digest = sha256(b"code").hexdigest()
    manifest = {"interpreter": "x", "files": {"core.cwasm": [4, digest]}, "imports": []}
    snapshot = {
        "instance": {},
        "files": [],
        "generators": [],
        "monotonic_ns": 1,
        "cpu_ns": 1,
    }
    return {
        "policy": (files("hermetic.policy") / "starter.yaml").read_bytes(),
        "manifest": json.dumps(manifest).encode(),
        "snapshot": _packed(snapshot),
    }


def _damaged(choices: Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(choices.randrange(1, 4)):
        at = choices.randrange(len(changed) + 1)
        if choices.random() < 0.5:
            changed[at : at + 1] = choices.randbytes(1)
        elif choices.random() < 0.5:
            del changed[at : at + choices.randrange(1, 40)]
        else:
            changed[at:at] = choices.randbytes(choices.randrange(1, 20))
    return bytes(changed)


def fault_of_record(record: Record) -> str | None:
    """What is wrong with how a record was read, if anything is."""
    try:
        return _READERS[record.sort](record.data)
    except Exception as error:
        return f"{record.sort}: {type(error).__name__}: {error} of {record.data[:200]!r}"


def _read_policy(data: bytes) -> str | None:
    try:
        parse_policy(data, "name")
    except PolicyError as error:
        return None if error.message.startswith("name") else f"policy: {error.message}"
    return None


def _read_state(data: bytes) -> str | None:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        try:
            reader = StateReader(os.dup(file.fileno()), _LIMITS, mapping=True)
        except SessionDamaged:
            return None
        try:
            size = max(1, reader.state.memory_bytes)
            private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
            memory = memoryview(mmap.mmap(-1, size, flags=private))
            runs = (reader.runs_of_pages(mapped=mapped) for mapped in (False, True))
            for run in chain.from_iterable(runs):
                if not 0 <= run.start < run.end <= reader.state.memory_bytes:
                    return f"state: bytes from {run.start} to {run.end}"
            reader.read_pages_into(memory)
        except SessionDamaged:
            return None
        finally:
            reader.close()
    return None


def _read_manifest(data: bytes) -> str | None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "core.cwasm").write_bytes(b"code")
        (folder / MANIFEST).write_bytes(data)
        if not is_complete(folder):
            return None
        verify_and_repair(folder)
    return None


def _read_snapshot(data: bytes) -> str | None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / MEMORY).write_bytes(_memory())
        (folder / STATE).write_bytes(data)
        try:
            load_snapshot(_engine(), folder)
        except PreparationError:
            return None
    return None


def _read_range(data: bytes) -> str | None:
    try:
        part = asked_range(data.decode(), 10)
    except RangeNotSatisfiable:
        return None
    return None if part is None or 0 <= part[0] < part[1] <= 10 else f"range: {part}"


_READERS: dict[str, Callable[[bytes], str | None]] = {
    "policy": _read_policy,
    "state": _read_state,
    "manifest": _read_manifest,
    "snapshot": _read_snapshot,
    "range": _read_range,
}


@cache
def _engine() -> Engine:
    return Engine(Config())


@cache
def _memory() -> bytes:
    return Module.compile(_engine(), '(module (memory (export "memory") 1))').serialize()
