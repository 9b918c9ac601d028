"""What a guest process does until its first order comes, and after its last one."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest

from hermetic_runtime.limits import Limits
from hermetic_runtime.processes import guest_server
from hermetic_runtime.processes.conversation import Conversation, Order
from hermetic_runtime.processes.guest_server import GuestServer
from hermetic_runtime.processes.guest_start import Beginning
from hermetic_runtime.processes.messages_to_guest import TO_GUEST, Rehearse, Run
from hermetic_runtime.processes.protocol import FrameDecoder, encode
from hermetic_runtime.requests import GuestSettings, RunRequest

RUN = RunRequest(b"1")


class Orders:
    """A conversation in which these orders come, one for each wait; None for none."""

    def __init__(self, orders: Sequence[Order | None]) -> None:
        self._orders = iter(orders)

    def await_order(self, seconds: float | None = None) -> Order | None:
        while (order := next(self._orders)) is None and seconds is None:
            pass
        return order


class Rehearsals:
    def __init__(self) -> None:
        self.count = 0

    def add(self, *_: object) -> bool:
        """Whether there is another one, where that is asked."""
        self.count += 1
        return self.count < 3


@pytest.fixture
def rehearsals(monkeypatch: pytest.MonkeyPatch) -> Rehearsals:
    rehearsals = Rehearsals()
    monkeypatch.setattr(GuestServer, "_rehearse", rehearsals.add)
    return rehearsals


@pytest.fixture(autouse=True)
def uses(monkeypatch: pytest.MonkeyPatch) -> Rehearsals:
    """Of packages."""
    uses = Rehearsals()
    monkeypatch.setattr(GuestServer, "_use_package", uses.add)
    return uses


@pytest.fixture
def idle_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_server, "has_idle_processor", lambda: True)


@pytest.fixture
def no_idle_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_server, "has_idle_processor", lambda: False)


def first_of(orders: Sequence[Order | None]) -> RunRequest:
    """What a server of a restored guest does first."""
    anything = cast("Any", Rehearsals())
    anything.outbox = None
    server = GuestServer(
        cast("Conversation", Orders(orders)),
        anything,
        anything,
        Beginning(GuestSettings(Limits()), False, ()),
        anything,
    )
    order = next(server._asked_of(anything))
    assert isinstance(order, RunRequest)
    return order


@pytest.mark.usefixtures("no_idle_processor")
def test_who_is_asked_to_rehearse_does_so_once_without_an_idle_processor(
    rehearsals: Rehearsals,
) -> None:
    assert first_of([Rehearse(), *[None] * 20, RUN]) is RUN
    assert rehearsals.count == 1


@pytest.mark.usefixtures("idle_processor")
def test_rehearsals_go_on_where_nothing_else_has_to_be_done(rehearsals: Rehearsals) -> None:
    assert first_of([Rehearse(), *[None] * 20, RUN]) is RUN
    assert rehearsals.count == 3


@pytest.mark.usefixtures("no_idle_processor")
def test_who_is_not_asked_rehearses_only_when_nothing_else_has_to_be_done(
    rehearsals: Rehearsals,
) -> None:
    assert first_of([None] * 20 + [RUN]) is RUN
    assert rehearsals.count == 0


def test_a_run_that_comes_between_rehearsals_is_taken_at_once(rehearsals: Rehearsals) -> None:
    assert first_of([Rehearse(), None, RUN]) is RUN
    assert rehearsals.count == 1


def test_a_run_that_came_with_the_request_to_rehearse_comes_first(rehearsals: Rehearsals) -> None:
    assert first_of([Rehearse(), RUN]) is RUN
    assert rehearsals.count == 0


@pytest.mark.usefixtures("idle_processor")
def test_a_request_that_comes_too_late_is_passed_over(rehearsals: Rehearsals) -> None:
    assert first_of([Rehearse(), None, None, None, Rehearse(), None, RUN]) is RUN
    assert rehearsals.count == 3


@pytest.mark.usefixtures("rehearsals", "idle_processor")
def test_who_waits_on_after_the_rehearsals_uses_each_package_once(uses: Rehearsals) -> None:
    assert first_of([Rehearse(), *[None] * 20, RUN]) is RUN
    assert uses.count == 3


@pytest.mark.usefixtures("rehearsals", "idle_processor")
def test_who_is_wanted_soon_after_the_rehearsals_uses_no_packages(uses: Rehearsals) -> None:
    assert first_of([Rehearse(), None, None, None, RUN]) is RUN
    assert uses.count == 0


@pytest.mark.usefixtures("rehearsals", "idle_processor")
def test_a_run_that_comes_between_uses_of_packages_is_taken_at_once(uses: Rehearsals) -> None:
    assert first_of([Rehearse(), None, None, None, None, None, RUN]) is RUN
    assert uses.count == 2


@pytest.mark.usefixtures("rehearsals", "no_idle_processor")
def test_packages_are_used_only_when_nothing_else_has_to_be_done(uses: Rehearsals) -> None:
    assert first_of([Rehearse(), *[None] * 20, RUN]) is RUN
    assert uses.count == 0


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, Conversation]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, Conversation(theirs, FrameDecoder(TO_GUEST))


def test_a_request_to_rehearse_is_out_of_turn_while_a_run_is_under_way(
    ends: tuple[socket.socket, Conversation],
) -> None:
    caller, conversation = ends
    caller.sendall(encode(Run(RUN)))
    assert conversation.await_order() == RUN
    caller.sendall(encode(Rehearse()))

    with pytest.raises(ConnectionError, match="Rehearse out of turn"):
        conversation.await_order()


def test_a_process_that_lingers_goes_when_the_caller_lets_go_of_it(
    ends: tuple[socket.socket, Conversation],
) -> None:
    caller, conversation = ends
    caller.close()

    conversation.await_hangup(1_000_000)
