"""What guest processes of one zygote begin with, one after the other."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator

import pytest
from process_lists import children_of, guest_side_processes

from hermetic_runtime.environments import Environment, LoadedEnvironment, load_environment
from hermetic_runtime.guest import Guest
from hermetic_runtime.guest_threads import run_in_guest_thread
from hermetic_runtime.interpreters.machine import Machine
from hermetic_runtime.limits import MIB, Limits
from hermetic_runtime.preparation import prepare
from hermetic_runtime.prepared import SNAPSHOTS
from hermetic_runtime.processes.channel import Channel
from hermetic_runtime.processes.guest_start import LastBeginning, receive_beginning
from hermetic_runtime.processes.messages_from_guest import from_guest
from hermetic_runtime.processes.messages_to_guest import TO_GUEST, GuestMountPoint, Run, Start
from hermetic_runtime.processes.protocol import FrameDecoder, encode
from hermetic_runtime.processes.restored_guests import RestoredGuests
from hermetic_runtime.reported import Outcome
from hermetic_runtime.requests import GuestSettings, RunRequest
from hermetic_runtime.sandbox import Sandbox, run
from hermetic_runtime.snapshots.stored import LoadedSnapshot

LIMITS = Limits(wall_seconds=120, cpu_seconds=120)
START = Start(LIMITS, {}, ())


@pytest.fixture(scope="module")
def restored() -> RestoredGuests:
    return RestoredGuests(load_environment(Environment(prepare())))


@pytest.fixture
def beginnings(restored: RestoredGuests) -> LastBeginning:
    return LastBeginning(restored)


def sent(*parts: bytes) -> socket.socket:
    """The guest's end of a socket on which this has come."""
    ours, theirs = socket.socketpair()
    with ours:
        for part in parts:
            ours.sendall(part)
    return theirs


def test_each_process_has_the_limits_that_it_was_started_with() -> None:
    small, large = Limits(memory_bytes=64 * MIB), Limits(memory_bytes=512 * MIB)
    code = "len(bytes(200_000_000))"

    outcomes = [run(code, limits=limits).outcome for limits in (small, large, small)]

    assert outcomes == [Outcome.MEMORY, Outcome.OK, Outcome.MEMORY]


def test_each_process_has_the_variables_that_it_was_started_with() -> None:
    code = "import os; os.environ.get('COLOUR')"

    values = [run(code, env=env).value for env in ({"COLOUR": "blue"}, {}, {"COLOUR": "red"})]

    assert [value and value.json for value in values] == ["blue", None, "red"]


def test_variables_may_be_more_than_a_socket_holds() -> None:
    text = "x" * 50_000
    with Sandbox(env={f"TEXT_{number}": text for number in range(12)}) as sandbox:
        result = sandbox.run("import os; sum(len(os.environ[f'TEXT_{n}']) for n in range(12))")

    assert result.value is not None
    assert result.value.json == 600_000


def test_what_was_read_ahead_is_not_left_for_the_process(beginnings: LastBeginning) -> None:
    with sent(encode(START)) as connection:
        beginning = beginnings.take(connection)

        assert connection.recv(1) == b""
    assert beginning is not None
    assert beginning.settings.limits == LIMITS


@pytest.mark.parametrize(
    "frames",
    [
        (b"",),
        (encode(START)[:-1],),
        (encode(START), encode(Run(RunRequest(b"1")))),
        (encode(Run(RunRequest(b"1"))),),
        (b"\0\0\0\1garbage",),
        (encode(Start(LIMITS, {}, (GuestMountPoint("/data", True),))),),
        (encode(Start(LIMITS, {}, (), wakes=True)),),
        (encode(Start(LIMITS, {"COLOUR": "blue"}, ())),),
    ],
    ids=[
        "nothing",
        "half",
        "more",
        "another message",
        "garbage",
        "a mount",
        "a state",
        "variables",
    ],
)
def test_what_is_not_simple_is_left_for_the_process(
    beginnings: LastBeginning, frames: tuple[bytes, ...]
) -> None:
    with sent(*frames) as connection:
        assert beginnings.take(connection) is None

        assert connection.recv(100_000) == b"".join(frames)


def test_nothing_is_waited_for(beginnings: LastBeginning) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert beginnings.take(theirs) is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_descriptors_that_come_along_are_left_for_the_process(beginnings: LastBeginning) -> None:
    ours, theirs = socket.socketpair()
    start = Start(LIMITS, {}, (GuestMountPoint("/data", True),))
    with ours, theirs, open(os.devnull, "rb") as file:
        channel = Channel(ours, from_guest(LIMITS))
        channel.send_with_descriptors(start, [file.fileno()])

        assert beginnings.take(theirs) is None
        beginning = receive_beginning(theirs, FrameDecoder(TO_GUEST))

        [mount] = beginning.settings.mounts
        assert os.readlink(f"/proc/self/fd/{mount.directory_fd}") == os.devnull
        os.close(mount.directory_fd)


def memory_of(pid: int) -> Iterator[bytes]:
    """All of it that the process may write to."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            where, access, *_ = line.split()
            start, end = (int(address, 16) for address in where.split("-"))
            if access.startswith("rw"):
                memory.seek(start)
                yield memory.read(end - start)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_variables_of_a_caller_never_come_into_the_zygote() -> None:
    run("1")  # starts a zygote if there is none
    secret = os.urandom(16).hex()

    with Sandbox(env={"SECRET": secret}) as sandbox:
        before = guest_side_processes()
        sandbox.start()
        [guest] = guest_side_processes() - before
        [zygote] = [pid for pid in before if guest in children_of(pid)]
        found = [any(secret.encode() in part for part in memory_of(pid)) for pid in (guest, zygote)]

    assert found == [True, False]


@pytest.fixture
def loaded() -> LoadedEnvironment:
    directory = prepare()
    return load_environment(Environment(directory, snapshots=directory / SNAPSHOTS))


def fitting(restored: RestoredGuests) -> list[Guest]:
    return restored._fitting(GuestSettings(LIMITS))


def test_one_guest_is_restored_at_first_and_the_others_when_asked(
    loaded: LoadedEnvironment,
) -> None:
    restored = RestoredGuests(loaded)
    [first] = fitting(restored)

    restored.restore_others()

    assert len(fitting(restored)) == len(loaded.snapshots) == 3
    assert fitting(restored)[0] is first
    restored.restore_others()
    assert len(fitting(restored)) == 3


def test_guests_that_are_restored_later_serve_what_the_first_was_made_ready_for(
    loaded: LoadedEnvironment,
) -> None:
    restored = RestoredGuests(loaded)
    settings = GuestSettings(Limits(open_files=20))
    restored.adopt(settings)

    restored.restore_others()

    assert [it._host.kernel.table.limit for it in fitting(restored)] == [20] * 3


def test_a_guest_that_is_renewed_brings_those_that_are_missing(loaded: LoadedEnvironment) -> None:
    restored = RestoredGuests(loaded)
    [used] = fitting(restored)

    run_in_guest_thread(lambda: restored.renew(used))

    assert len(fitting(restored)) == 3
    assert used not in fitting(restored)


def test_the_machine_of_each_restored_guest_is_given_once(loaded: LoadedEnvironment) -> None:
    restored = RestoredGuests(loaded)
    restored.restore_others()
    machines = [restored.machine_of(snapshot) for snapshot in loaded.snapshots]

    assert all(machine is not None and machine.has_started for machine in machines)
    assert [restored.machine_of(snapshot) for snapshot in loaded.snapshots] == [None] * 3


def test_a_guest_with_variables_starts_on_the_machine_of_a_restored_one(
    loaded: LoadedEnvironment,
) -> None:
    restored = RestoredGuests(loaded)
    restored.restore_others()
    given: list[Machine | None] = []

    def machine_of(snapshot: LoadedSnapshot) -> Machine | None:
        given.append(restored.machine_of(snapshot))
        return given[-1]

    def work() -> object:
        guest = Guest(
            loaded,
            GuestSettings(LIMITS, {"COLOUR": "blue"}),
            deliver=lambda *_: None,
            request_input=lambda: None,
            machine_of=machine_of,
        )
        guest.boot()
        report = guest.run(RunRequest(b"import os; os.environ['COLOUR']", limits=LIMITS))
        assert guest._instance.leave() is given[0]
        return report.value and report.value.json

    assert run_in_guest_thread(work) == "blue"
    assert given[0] is not None
