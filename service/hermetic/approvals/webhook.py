"""Tells another program that an approval was asked for, by an HTTP request that is signed."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.client import HTTPException
from typing import Any

from hermetic.approvals.approval import Approval
from hermetic.errors import InvalidInput

SIGNATURE_HEADER = "Hermetic-Signature"
SECRET_CHARACTERS = 16
"""The shortest secret that is taken."""

_RETRY_SECONDS = (1.0, 5.0, 30.0, 120.0)
_ANSWER_SECONDS = 10.0
_QUEUE_LENGTH = 1000
_log = logging.getLogger("hermetic.approvals")


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """The value of `Hermetic-Signature`: HMAC-SHA256 over the timestamp, a full stop and the
    body. `timestamp` is in seconds since the epoch.
    """
    signed = f"{timestamp}.".encode("ascii") + body
    digest = hmac.new(secret.encode("utf-8"), signed, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


class Webhook:
    """Sends from a thread of its own, which the first question starts."""

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        retry_seconds: Sequence[float] = _RETRY_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """A request that fails is repeated after each of `retry_seconds`, then given up.

        Raises `InvalidInput` for what is no URL of HTTP, and for a secret that is too short.
        """
        if not url.startswith(("http://", "https://")):
            raise InvalidInput(
                "the webhook is not the URL of an HTTP service",
                hint="HERMETIC_WEBHOOK_URL begins with http:// or https://.",
            )
        if len(secret) < SECRET_CHARACTERS:
            raise InvalidInput(
                f"the webhook's secret is shorter than {SECRET_CHARACTERS} characters",
                hint="Set HERMETIC_WEBHOOK_SECRET: `openssl rand -hex 32` makes one.",
            )
        self._url = url
        self._secret = secret
        self._retry_seconds = retry_seconds
        self._clock = clock
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._waiting: queue.Queue[bytes | None] = queue.Queue(_QUEUE_LENGTH)
        self._stopping = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def tell(self, approval: Approval) -> None:
        """Never blocks. What does not fit in the queue is logged, and can still be listed."""
        body = json.dumps({"event": "approval_requested", **_shown(approval)}).encode("ascii")
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._send_all, name="webhook", daemon=True)
                self._thread.start()
        try:
            self._waiting.put_nowait(body)
        except queue.Full:
            _log.error("too many webhooks wait", extra={"approval": approval.id})

    def close(self) -> None:
        """What waits is sent first, until an attempt fails: nothing is tried again."""
        self._stopping.set()
        if self._thread is not None:
            with suppress(queue.Full):
                self._waiting.put_nowait(None)
            self._thread.join()

    def _send_all(self) -> None:
        while not (self._stopping.is_set() and self._waiting.empty()):
            body = self._waiting.get()
            if body is not None and not self._send(body) and self._stopping.is_set():
                _log.error("webhooks were left", extra={"number": self._waiting.qsize()})
                return

    def _send(self, body: bytes) -> bool:
        for wait in (*self._retry_seconds, None):
            problem = self._attempt(body)
            if problem is None:
                return True
            if wait is None or self._stopping.is_set():
                _log.error("a webhook was given up", extra={"why": problem})
                return False
            _log.warning("a webhook failed", extra={"why": problem, "again_in_seconds": wait})
            self._stopping.wait(wait)
        raise AssertionError

    def _attempt(self, body: bytes) -> str | None:
        """Why it failed, or None."""
        signed = signature(self._secret, int(self._clock()), body)
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: signed}
        request = urllib.request.Request(self._url, body, headers, method="POST")
        try:
            with self._opener.open(request, timeout=_ANSWER_SECONDS):
                return None
        except urllib.error.HTTPError as error:
            error.close()
            return f"it answered with status {error.code}"
        except (OSError, HTTPException, ValueError) as error:
            return str(error) or type(error).__name__


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """What is signed goes where it was meant to go, and nowhere else."""

    def redirect_request(self, *_args: Any, **_options: Any) -> None:
        return None


def _shown(approval: Approval) -> dict[str, Any]:
    """Without the arguments: those are shown by `hermetic approvals show`."""
    return {
        "approval": approval.id,
        "grant": approval.grant_id,
        "grant_name": approval.grant_name,
        "tool": approval.tool,
        "rule": approval.rule,
        "reason": approval.reason,
        "arguments_sha256": approval.argument_hash,
        "asked": approval.asked,
        "expires": approval.expires,
    }
