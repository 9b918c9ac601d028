"""Who is told that a call waits for a person."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hermetic.approvals.approval import Approval, ApprovalState
from hermetic.approvals.webhook import SIGNATURE_HEADER, Webhook
from hermetic.errors import InvalidInput

SECRET = "a secret of enough characters"
APPROVAL = Approval(
    id="ap_1",
    fingerprint="f",
    grant_id="g1",
    grant_name="ci",
    tool="run",
    rule="the rule",
    reason="because",
    argument_hash="a1",
    arguments='{"code":"private"}',
    state=ApprovalState.PENDING,
    asked=1.0,
    expires=2.0,
    decided=None,
    decided_by=None,
    why=None,
)


@dataclass
class Listener:
    """A program that is told of approvals. It answers with `statuses`, then with 200."""

    port: int = 0
    statuses: list[int] = field(default_factory=list)
    requests: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/asked"


@pytest.fixture
def listener() -> Iterator[Listener]:
    listening = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            listening.requests.append((self.headers[SIGNATURE_HEADER], body))
            self.send_response(listening.statuses.pop(0) if listening.statuses else 200)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        do_GET = do_POST  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        listening.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield listening
        server.shutdown()
        thread.join()


def send(listener: Listener, *, times: int = 1, retry_seconds: tuple[float, ...] = ()) -> None:
    webhook = Webhook(listener.url, SECRET, retry_seconds=retry_seconds, clock=lambda: 1234.5)
    for _ in range(times):
        webhook.tell(APPROVAL)
    webhook.close()


def test_a_question_is_told_and_signed(listener: Listener):
    send(listener)
    [(signature, body)] = listener.requests
    digest = hmac.new(SECRET.encode(), b"1234." + body, hashlib.sha256).hexdigest()
    assert signature == f"t=1234,v1={digest}"
    told = json.loads(body)
    assert (told["event"], told["approval"], told["grant"]) == ("approval_requested", "ap_1", "g1")


def test_arguments_are_not_told(listener: Listener):
    send(listener)
    assert b"private" not in listener.requests[0][1]


def test_all_that_wait_are_sent_before_the_end(listener: Listener):
    send(listener, times=5)
    assert len(listener.requests) == 5


def test_a_redirect_is_not_followed(listener: Listener, caplog: pytest.LogCaptureFixture):
    listener.statuses = [302]
    send(listener)
    assert len(listener.requests) == 1
    assert "given up" in caplog.text


def test_a_failure_is_tried_again_so_often(listener: Listener, caplog: pytest.LogCaptureFixture):
    listener.statuses = [500, 503, 500, 500]
    webhook = Webhook(listener.url, SECRET, retry_seconds=(0, 0))
    assert not webhook._send(b"{}")
    assert len(listener.requests) == 3
    assert "given up" in caplog.text


def test_a_failure_that_passes_is_told_in_the_end(listener: Listener):
    listener.statuses = [500]
    webhook = Webhook(listener.url, SECRET, retry_seconds=(0,))
    assert webhook._send(b"{}")
    assert len(listener.requests) == 2


def test_an_end_does_not_wait_for_who_does_not_answer(caplog: pytest.LogCaptureFixture):
    webhook = Webhook("http://127.0.0.1:9/", SECRET, retry_seconds=(3600,))
    for _ in range(3):
        webhook.tell(APPROVAL)
    webhook.close()
    assert "given up" in caplog.text


@pytest.mark.parametrize(("url", "secret"), [("ftp://x/", SECRET), ("http://x/", "short")])
def test_what_can_not_be_told_safely_is_refused(url: str, secret: str):
    with pytest.raises(InvalidInput):
        Webhook(url, secret)
