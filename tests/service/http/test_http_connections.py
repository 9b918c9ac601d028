"""What a connection may cost the service before and between requests."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from conditions import comes_true
from live_service import PATIENCE_SECONDS, LiveService, live_service
from plain_connections import connected, received, sent

POST = "POST /v1/run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
GET = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
MOST = 4


@pytest.fixture(scope="module")
def bounded(prepared: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    data: Path = tmp_path_factory.mktemp("bounded") / "data"
    settings = {"head_wait_seconds": 1, "body_wait_seconds": 0.5, "connections": MOST}
    with live_service(data, "--no-key", **settings) as running:
        yield running


def answer_to_endless(connection: socket.socket, piece: bytes) -> bytes:
    """What comes until the service ends a connection on which there is always more to come."""
    answer = b""

    def is_cut_off() -> bool:
        nonlocal answer
        try:
            connection.sendall(piece)
            answer += connection.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return False

    assert comes_true(is_cut_off, PATIENCE_SECONDS)
    return answer


def is_open_at_the_service(connection: socket.socket) -> bool:
    """What the operating system says of the other end of a connection on this machine."""
    ends = [f":{end[1]:04X}" for end in (connection.getpeername(), connection.getsockname())]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, *_ = line.split()
        if local.endswith(ends[0]) and remote.endswith(ends[1]):
            return True
    return False


def test_a_head_that_does_not_come_whole_is_not_waited_for(bounded: LiveService) -> None:
    answer = sent(bounded, "GET /healthz HTTP/1.1\r\nHost: loc")
    assert answer.startswith("HTTP/1.1 408 ")
    assert '"code": "head_too_slow"' in answer


def test_a_connection_on_which_nothing_comes_is_closed_without_an_answer(
    bounded: LiveService,
) -> None:
    assert sent(bounded, "") == ""


def test_bytes_that_trickle_in_give_a_head_no_more_time(bounded: LiveService) -> None:
    with connected(bounded) as connection:
        assert b'"code": "head_too_slow"' in answer_to_endless(connection, b"G")


def test_a_body_that_nobody_reads_any_more_gives_a_connection_no_more_time(
    bounded: LiveService,
) -> None:
    head = "POST /v1/run HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n"
    with connected(bounded) as connection:
        connection.sendall(head.encode())
        assert b'"code": "unsupported_media_type"' in answer_to_endless(connection, b"a")


def test_a_connection_can_be_used_again_after_an_answer(bounded: LiveService) -> None:
    with connected(bounded) as connection:
        connection.sendall(f"{GET}\r\n".encode())
        while not connection.recv(65536).endswith(b"alive\n"):
            pass
        connection.sendall(f"{GET}Connection: close\r\n\r\n".encode())
        assert received(connection).endswith("alive\n")


@pytest.mark.parametrize(
    "head",
    [
        f"{GET}X: {'a' * 70_000}\r\n\r\n",
        f"{GET}X: {'a' * 400_000}",
        f"GET /{'a' * 70_000} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        f"{POST}Transfer-Encoding: chunked\r\n\r\n0\r\nX: {'a' * 400_000}",
        f"{POST}Transfer-Encoding: chunked\r\n\r\n1;{'a' * 400_000}",
    ],
    ids=["large", "endless", "target", "trailer", "chunk extension"],
)
def test_a_head_is_bounded(bounded: LiveService, head: str) -> None:
    answer = sent(bounded, head)
    assert answer.startswith("HTTP/1.1 431 ")
    assert '"code": "head_too_large"' in answer


@pytest.mark.parametrize(
    "request_", ["\x16\x03\x01\r\n\r\n", f"{POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n"]
)
def test_what_is_not_http_is_refused(bounded: LiveService, request_: str) -> None:
    answer = sent(bounded, request_)
    assert answer.startswith("HTTP/1.1 400 ")
    assert '"code": "malformed_request"' in answer


def test_what_follows_a_body_does_not_count_as_its_head(bounded: LiveService) -> None:
    """Trailers (RFC 9110, section 6.5.1)."""
    head = f"{POST}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    trailer = "Prefer: respond-async\r\nHermetic-Approval: a\r\n"
    answer = sent(bounded, f'{head}d\r\n{{"code": "1"}}\r\n0\r\n{trailer}\r\n')
    assert answer.startswith("HTTP/1.1 200 ")


def test_connections_are_bounded(bounded: LiveService) -> None:
    answer = ""

    def is_refused() -> bool:
        """While earlier tests' connections end, these may be fewer than it seems."""
        nonlocal answer
        with ExitStack() as stack:
            for _ in range(MOST):
                stack.enter_context(connected(bounded))
            answer = sent(bounded, "")
        return answer.startswith("HTTP/1.1 503 ")

    assert comes_true(is_refused, PATIENCE_SECONDS)
    assert "\r\nretry-after: 1\r\n" in answer
    assert '"code": "too_many_connections"' in answer
    assert comes_true(
        lambda: sent(bounded, f"{GET}Connection: close\r\n\r\n").endswith("alive\n"),
        PATIENCE_SECONDS,
    )


def test_refusals_of_connections_are_counted(bounded: LiveService) -> None:
    sent(bounded, "\x16\x03\x01\r\n\r\n")
    with bounded.client() as client:
        counts = client.get("/metrics").text
    assert 'hermetic_http_requests_total{method="other",route="none",status="400"}' in counts


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux tells of it")
def test_an_answer_that_is_not_taken_is_not_kept_for_ever(bounded: LiveService) -> None:
    size = 30_000_000
    with bounded.client() as client:
        place = client.post("/v1/sessions").headers["location"]
        client.put(f"{place}/files/large", content=bytes(size))
    with connected(bounded) as connection:
        connection.sendall(f"GET {place}/files/large HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert connection.recv(1)
        assert comes_true(lambda: not is_open_at_the_service(connection), PATIENCE_SECONDS)
        assert len(received(connection)) < size
