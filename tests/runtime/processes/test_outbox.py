"""When a guest process sends output at once, and when together."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from hermetic_runtime.limits import Limits
from hermetic_runtime.processes.messages_from_guest import InputWanted, Output, from_guest
from hermetic_runtime.processes.outbox import BATCH_BYTES, BATCH_SECONDS, Outbox
from hermetic_runtime.processes.protocol import FrameDecoder, Message


class Far:
    """The other end: what has come so far, and how often the main thread was woken."""

    def __init__(self) -> None:
        self.near, self._far = socket.socketpair()
        self._decoder = FrameDecoder(from_guest(Limits()))
        self.woken = 0
        self.now = 100.0

    def wake(self) -> None:
        self.woken += 1

    def received(self) -> list[Message]:
        try:
            data = self._far.recv(1_000_000, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        return list(self._decoder.feed(data))

    def close(self) -> None:
        self.near.close()
        self._far.close()


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> Iterator[Far]:
    far = Far()
    monkeypatch.setattr("hermetic_runtime.processes.outbox.time.monotonic", lambda: far.now)
    yield far
    far.close()


@pytest.fixture
def outbox(far: Far) -> Outbox:
    return Outbox(far.near, far.wake)


def test_a_lone_piece_of_output_leaves_at_once(outbox: Outbox, far: Far) -> None:
    outbox.deliver("stdout", b"a")

    assert far.received() == [Output("stdout", b"a")]
    assert outbox.flush_due() is None


def test_output_that_follows_closely_is_sent_together(outbox: Outbox, far: Far) -> None:
    for piece in (b"a", b"b", b"c"):
        outbox.deliver("stdout", piece)
    assert far.received() == [Output("stdout", b"a")]
    assert far.woken == 1

    far.now += BATCH_SECONDS
    assert outbox.flush_due() is None

    assert far.received() == [Output("stdout", b"bc")]


def test_output_that_waits_says_for_how_long(outbox: Outbox, far: Far) -> None:
    outbox.deliver("stdout", b"a")
    outbox.deliver("stdout", b"b")
    far.now += BATCH_SECONDS / 2

    assert outbox.flush_due() == pytest.approx(BATCH_SECONDS / 2, rel=1e-3)


def test_a_full_batch_does_not_wait(outbox: Outbox, far: Far) -> None:
    outbox.deliver("stdout", b"a")
    outbox.deliver("stdout", bytes(BATCH_BYTES))

    assert far.received()[-1] == Output("stdout", bytes(BATCH_BYTES))


def test_streams_keep_their_order(outbox: Outbox, far: Far) -> None:
    for stream, piece in (("stdout", b"1"), ("stdout", b"2"), ("stderr", b"3"), ("stdout", b"4")):
        outbox.deliver(stream, piece)
    far.now += BATCH_SECONDS
    outbox.flush_due()

    assert far.received() == [
        Output("stdout", b"1"),
        Output("stdout", b"2"),
        Output("stderr", b"3"),
        Output("stdout", b"4"),
    ]


def test_output_is_sent_before_any_other_message(outbox: Outbox, far: Far) -> None:
    outbox.deliver("stdout", b"a")
    outbox.deliver("stdout", b"prompt> ")
    outbox.send(InputWanted())

    assert far.received()[1:] == [Output("stdout", b"prompt> "), InputWanted()]


def test_what_is_written_while_it_is_muted_never_leaves(outbox: Outbox, far: Far) -> None:
    with outbox.muted():
        outbox.deliver("stdout", b"a")
        outbox.deliver("stdout", b"kept for company")

    outbox.deliver("stdout", b"b")

    assert far.received() == [Output("stdout", b"b")]


def test_the_first_output_after_it_was_muted_leaves_at_once(outbox: Outbox, far: Far) -> None:
    with outbox.muted():
        outbox.deliver("stdout", b"a")

    outbox.deliver("stdout", b"b")

    assert outbox.flush_due() is None
    assert far.received() == [Output("stdout", b"b")]


def test_output_that_nobody_follows_comes_with_what_is_sent_next(outbox: Outbox, far: Far) -> None:
    outbox.begin_run(followed=False)
    outbox.deliver("stdout", b"a")
    outbox.deliver("stdout", b"b")

    assert far.received() == []
    outbox.send(InputWanted())
    assert far.received() == [Output("stdout", b"ab"), InputWanted()]


def test_output_that_nobody_follows_leaves_when_the_run_lasts(outbox: Outbox, far: Far) -> None:
    outbox.begin_run(followed=False)
    outbox.deliver("stdout", b"a")
    assert outbox.flush_due() is None
    assert far.received() == [Output("stdout", b"a")]

    far.now += 2 * BATCH_SECONDS
    outbox.deliver("stdout", b"b")
    assert far.received() == [Output("stdout", b"b")]


def test_much_output_that_nobody_follows_does_not_wait(outbox: Outbox, far: Far) -> None:
    outbox.begin_run(followed=False)
    outbox.deliver("stdout", b"x" * BATCH_BYTES)

    assert far.received() == [Output("stdout", b"x" * BATCH_BYTES)]
