"""States of sessions that a hostile guest or a stranger made end in one clear error."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from state_files import (
    NO_PAGES,
    Pages,
    Place,
    changed,
    compressed,
    opened,
    pages_in,
    pages_of,
    sealed,
    sealed_account,
    state_path,
)

from hermetic_runtime.driver import Isolation
from hermetic_runtime.errors import (
    SessionBaseMissing,
    SessionDamaged,
)
from hermetic_runtime.limits import Limits
from hermetic_runtime.sessions.page_pieces import PIECE_BYTES, Run
from hermetic_runtime.sessions.session import Session
from hermetic_runtime.sessions.state_file import MAGIC

PAGE = bytes(4096)
PREPARE = """
import os
x = 41
os.mkdir('/tmp/d')
open('/tmp/d/a', 'w').write('abc')
os.symlink('/workspace', '/tmp/link')
f = open('/tmp/d/a')
g = open('/tmp/gone', 'w+'); g.write('unlinked'); g.flush(); os.remove('/tmp/gone')
r, w = os.pipe()
os.write(w, b'piped')
open('kept', 'w').write('1')
"""


@pytest.fixture(scope="module", params=["process", "shared"])
def isolation(request: pytest.FixtureRequest) -> Isolation:
    return request.param


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("states")


@pytest.fixture(scope="module")
def session(directory: Path, isolation: Isolation) -> Iterator[Session]:
    limits = Limits(wall_seconds=2, cpu_seconds=2)
    with Session.create(
        interpreter="pyodide", isolation=isolation, limits=limits, directory=directory
    ) as session:
        assert session.run(PREPARE).ok
        session.hibernate()
        yield session


@pytest.fixture(scope="module")
def good(session: Session, directory: Path) -> bytes:
    session.checkpoint("good")
    return state_path(session, directory).read_bytes()


def wake(session: Session, directory: Path, state: bytes) -> None:
    """Go on from a state file, in the place of the session's own."""
    session.hibernate()
    path = state_path(session, directory)
    path.unlink()
    path.write_bytes(state)
    session.run("x")


def assert_unharmed(session: Session, good: bytes) -> None:
    """The files are as they were, and so is the state to which the session can go back."""
    assert session.files.get("kept") == b"1"
    session.restore("good")
    kept = session._disk.state  # pyright: ignore[reportPrivateUsage]
    assert kept is not None
    assert kept.read_bytes() == good


def file(path: bytes, mode: int = 0o100644, contents: object = b"", mtime: int = 0) -> list[object]:
    return [path, mode, contents, mtime]


def description(
    kind: str, *, path: bytes = b"", shared: int = 0, fd: object = 9, flags: int = 0
) -> list[object]:
    return [kind, flags, 0, path, shared, [[fd, False]]]


def module(**fields: object) -> list[object]:
    values: dict[str, object] = {
        "path": "a.so",
        "sha256": "0" * 64,
        "needed": [],
        "memory_base": 0,
        "first_slot": 8734,
        "slot_count": 1,
        "table_base": 8734,
        "own_slots": [],
        "offsets": [],
        "globals": [],
    }
    return ["module", *(values | fields).values()]


def linker(*log: object, slots: object = 8734, everyone: object = ()) -> dict[str, object]:
    return {"slots": slots, "for_everyone": everyone, "log": log}


def nested(depth: int) -> list[object]:
    """A list in a list, and so on."""
    found: list[object] = []
    for _ in range(depth):
        found = [found]
    return found


DAMAGED: list[object] = []
WRONG_FIELDS: dict[str, tuple[Place, object]] = {
    "no base": (["base"], None),
    "memory past the limit": (["memory_bytes"], 1 << 40),
    "memory below the base": (["memory_bytes"], 65_536),
    "memory of no whole pages": (["memory_bytes"], 50_000_001),
    "negative memory": (["memory_bytes"], -65_536),
    "no instance": (["instance"], []),
    "an instance of nothing": (["instance"], {}),
    "another function to run": (["instance", "run"], 64),
    "a function that is no number": (["instance", "run"], "run"),
    "another trampoline": (["instance", "trampoline"], 1),
    "no globals": (["instance", "globals"], {}),
    "globals that are no map": (["instance", "globals"], [1]),
    "a global that is text": (["instance", "globals", "__stack_pointer"], "0"),
    "a global past 32 bits": (["instance", "globals", "__stack_pointer"], 1 << 32),
    "a global below zero": (["instance", "globals", "__stack_pointer"], -1),
    "a global of no such name": (["instance", "globals", "other"], 0),
    "a linker of no form": (["instance", "linker"], 7),
    "a linker without packages": (["instance", "linker"], {"log": []}),
    "an unknown change": (["instance", "linker"], linker(["other", 1])),
    "an unhashable change": (["instance", "linker"], linker([DAMAGED, 1])),
    "too many slots": (["instance", "linker"], linker(["lost", 8734, 199_999], ["lost", 0, 2])),
    "a slot of no module": (["instance", "linker"], linker(["slot", 1, "b.so", "f"])),
    "a module before its time": (["instance", "linker"], linker(module(needed=["b.so"]))),
    "a module with odd globals": (["instance", "linker"], linker(module(globals=["1"]))),
    "an unknown module for everyone": (["instance", "linker"], linker(everyone=["b.so"])),
    "an open module that was not loaded": (["instance", "opened"], [[5, "b.so"]]),
    "open modules of no form": (["instance", "opened"], [7]),
    "files of no form": (["files"], [[b"/tmp/a"]]),
    "a file elsewhere": (["files"], [file(b"/etc/a")]),
    "a file above": (["files"], [file(b"/tmp/../a")]),
    "a file in the workspace": (["files"], [file(b"/workspace/kept")]),
    "a file through a link": (
        ["files"],
        [file(b"/tmp/l", 0o120777, b"/workspace"), file(b"/tmp/l/kept")],
    ),
    "a file twice": (["files"], [file(b"/tmp/a"), file(b"/tmp/a")]),
    "a file without its folder": (["files"], [file(b"/tmp/b/a")]),
    "a device among the files": (["files"], [file(b"/tmp/a", 0o020666)]),
    "a file of text": (["files"], [file(b"/tmp/a", contents="text")]),
    "another name of no file": (["files"], [file(b"/tmp/a", 0, b"/tmp/b")]),
    "another name of a file elsewhere": (["files"], [file(b"/tmp/a", 0, b"/workspace/kept")]),
    "a path with a NUL": (["files"], [file(b"/tmp/a\0b")]),
    "a description of no kind": (["descriptors", 0], [description("socket")]),
    "a descriptor past the limit": (["descriptors", 0], [description("stdin", fd=1 << 20)]),
    "a descriptor below zero": (["descriptors", 0], [description("stdin", fd=-1)]),
    "a pipe that is not there": (["descriptors", 0], [description("pipe_reader", shared=9)]),
    "an unlinked file that is not there": (
        ["descriptors", 0],
        [description("unlinked", shared=9)],
    ),
    "a pipe that holds too much": (["descriptors", 1], [[bytes(1 << 20), True, True]]),
    "a folder that is text": (["cwd"], "/tmp"),
    "a umask past its bits": (["umask"], 0o7777),
    "a clock past its end": (["monotonic_ns"], 2**63 - 1),
    "processor time below zero": (["cpu_ns"], -1),
    "a field more": (["more"], 1),
    "lists without end": (["more"], nested(400)),
}


@pytest.mark.parametrize("wrong", WRONG_FIELDS)
def test_a_state_with_a_wrong_field_is_damaged(
    session: Session, directory: Path, good: bytes, wrong: str
) -> None:
    place, value = WRONG_FIELDS[wrong]
    state, pages = opened(good)

    with pytest.raises(SessionDamaged):
        wake(session, directory, sealed(changed(state, place, value), pages))

    assert_unharmed(session, good)


def run_of_pages(first: int, pages: int) -> tuple[list[Run], bytes]:
    return [Run(first, pages)], PAGE * pages


GOOD_PAGES = pages_of(run_of_pages(5, 2))
MANY_PAGES = PIECE_BYTES // len(PAGE)


@pytest.mark.parametrize(
    "pages",
    [
        pages_of(run_of_pages(1 << 20, 1)),
        pages_of(run_of_pages(0xFFFFFFFF, 1)),
        pages_of(run_of_pages(5, 2), run_of_pages(6, 1)),
        pages_of(run_of_pages(5, 1), run_of_pages(3, 1)),
        pages_of(run_of_pages(0, MANY_PAGES + 1)),
        pages_of(([Run(5, 1), Run(9, MANY_PAGES)], PAGE)),
        pages_of(([Run(5, 1)], PAGE[:-1])),
        pages_of(([Run(5, 1)], PAGE + b"x")),
        pages_of(([Run(5, 0)], b"")),
        pages_of(([], PAGE)),
        Pages(b"", GOOD_PAGES.account),
        Pages(GOOD_PAGES.frames[:-1], GOOD_PAGES.account),
        Pages(GOOD_PAGES.frames + b"more", GOOD_PAGES.account),
        Pages(GOOD_PAGES.frames[:-4] + b"0000", GOOD_PAGES.account),
        pages_in(([Run(5, 1)], b"not compressed")),
        pages_in(([Run(5, 1)], compressed(PAGE)[:-5])),
        pages_in(([Run(5, 1)], compressed(PAGE)[:-4] + b"0000")),
        pages_in(([Run(5, 2)], compressed(PAGE) + compressed(PAGE))),
        Pages(GOOD_PAGES.frames, GOOD_PAGES.account[:-1]),
        Pages(GOOD_PAGES.frames, GOOD_PAGES.account + b"more"),
        Pages(GOOD_PAGES.frames, b"\xff" * 8 + GOOD_PAGES.account[8:]),
        Pages(b"", b""),
    ],
    ids=[
        "past the end",
        "at the last number",
        "overlapping",
        "out of order",
        "too long",
        "too many in one piece",
        "fewer bytes than pages",
        "more bytes than pages",
        "none in a run",
        "none in a piece",
        "not in the file",
        "short by a byte",
        "followed by more",
        "changed",
        "not compressed",
        "in half a frame",
        "with another checksum inside",
        "in two frames",
        "with a short account",
        "with a long account",
        "more than there can be",
        "without an account",
    ],
)
def test_pages_that_are_not_in_place_are_damage(
    session: Session, directory: Path, good: bytes, pages: Pages
) -> None:
    state, _ = opened(good)

    with pytest.raises(SessionDamaged):
        wake(session, directory, sealed(state, pages))

    assert_unharmed(session, good)


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\xc1",
        b"\xdd\xff\xff\xff\xff",
        b"\xdd\x00\x7a\x12\x00" + b"\x90" * 8_000_000,
        b"\x91" * 5_000_000,
        b"\xc9\x00\x00\x00\x02\x05ab",
    ],
    ids=["empty", "invalid", "too long a list", "many lists", "nested lists", "extension"],
)
def test_what_expands_without_bounds_is_damage(
    session: Session, directory: Path, good: bytes, packed: bytes
) -> None:
    with pytest.raises(SessionDamaged):
        wake(session, directory, sealed(packed, NO_PAGES))

    assert_unharmed(session, good)


def test_a_state_that_expands_past_the_limits_is_not_expanded(
    session: Session, directory: Path, good: bytes
) -> None:
    limits = session.record.limits
    claimed = limits.memory_bytes + 2 * limits.disk_bytes

    with pytest.raises(SessionDamaged, match="larger than its limits allow"):
        wake(session, directory, sealed_account(struct.pack("<I", claimed) + bytes(1 << 20)))

    assert_unharmed(session, good)


@pytest.mark.parametrize(
    "state",
    [
        b"",
        MAGIC,
        MAGIC + bytes(7),
        MAGIC + struct.pack("<Q", 0),
        MAGIC + struct.pack("<Q", len(MAGIC)),
        MAGIC + compressed(b"") + struct.pack("<Q", len(MAGIC)),
        MAGIC + compressed(b"") + struct.pack("<Q", 2**64 - 1),
        b"hermetic session 1\n" + compressed(bytes(12)) + struct.pack("<Q", len(MAGIC)),
    ],
    ids=[
        "empty",
        "nothing more",
        "less than a position",
        "an account that begins before its place",
        "no account",
        "an empty account",
        "an account past the end",
        "another version",
    ],
)
def test_a_file_without_an_account_is_damaged(
    session: Session, directory: Path, good: bytes, state: bytes
) -> None:
    with pytest.raises(SessionDamaged):
        wake(session, directory, state)

    assert_unharmed(session, good)


def test_another_base_is_missing(session: Session, directory: Path, good: bytes) -> None:
    state, pages = opened(good)

    with pytest.raises(SessionBaseMissing):
        wake(session, directory, sealed(changed(state, ["base"], "0" * 64), pages))

    assert_unharmed(session, good)


def test_memory_that_makes_no_sense_ends_in_one_error_or_a_lost_run(
    session: Session, directory: Path, good: bytes
) -> None:
    state, _ = opened(good)
    end = state["memory_bytes"] // 4096
    pages = pages_of(*(([Run(first, 16)], b"\xa5" * 65_536) for first in range(16, end - 16, 16)))

    with pytest.raises(SessionDamaged):
        wake(session, directory, sealed(state, pages))

    assert_unharmed(session, good)


def test_a_file_that_may_not_be_written_can_t_be_through_a_state(
    session: Session, directory: Path, good: bytes
) -> None:
    state, pages = opened(good)
    path = b"/lib/python3.14/os.py"
    state["descriptors"][0].append(description("file", path=path, flags=2))
    wake(session, directory, sealed(state, pages))

    result = session.run("os.write(9, b'changed')")

    assert result.error is not None
    assert result.error.type == "OSError"
    assert_unharmed(session, good)


def test_after_a_damaged_state_the_session_goes_on_from_a_good_one(
    session: Session, directory: Path, good: bytes
) -> None:
    with pytest.raises(SessionDamaged):
        wake(session, directory, good[:-100])
    session.restore("good")

    result = session.run("[x, open('kept').read(), f.read(), os.read(r, 9).decode()]")

    assert result.value is not None
    assert result.value.json == [41, "1", "abc", "piped"]
    session.restore("good")


def places(value: Any, above: Place) -> Iterator[Place]:
    """Where something is in a state."""
    keys = cast("Iterable[Any]", value if isinstance(value, dict) else range(len(value)))
    for key in keys:
        below = cast("object", value[key])
        yield [*above, key]
        if isinstance(below, dict | list):
            yield from places(cast("Any", below), [*above, key])


ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.sampled_from([0, 1, 65_536, 2**31, 2**32 - 1]),
    st.binary(max_size=40),
    st.text(max_size=20),
    st.lists(st.integers(0, 300), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(0, 300), max_size=2),
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_odd_value_in_a_state_is_one_error_or_makes_no_difference(
    session: Session, directory: Path, good: bytes, data: st.DataObject
) -> None:
    state, pages = opened(good)
    place = data.draw(st.sampled_from(list(places(state, []))))
    crafted = sealed(changed(state, place, data.draw(ODD_VALUES)), pages)

    with suppress(SessionDamaged, SessionBaseMissing):
        wake(session, directory, crafted)

    assert_unharmed(session, good)
